const REDACTED = '(redacted)';
/** Shorter ones would take half of every text along. */
const SHORTEST = 3;

/**
 * What makes text fit to be given away: the secrets that are known go in every form that they are written in, and
 * whatever looks like one goes too. Only for people: a text that is changed need not mean what it meant.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap(formsOf));
  // The longer first: one may hold another.
  const literals = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const literal of literals) clean = clean.replaceAll(literal, REDACTED);
    for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
    return clean;
  };
}

function formsOf(secret: string): readonly string[] {
  const own = Buffer.from(secret);
  // A key in base64 (WireGuard) is also written as what it stands for.
  const raw = Buffer.from(secret, 'base64');
  const isKey = raw.length >= 16 && raw.toString('base64') === secret;
  const encoded = (isKey ? [own, raw] : [own]).flatMap((bytes) => [
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ]);
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(own.toString()), ...encoded];
}

/**
 * `etcdPassword: x`, `"PSK": "x"`, `FLAN_TOKEN=x`; not names of files. Names start at the start of a word and are short, so
 * that long words cost no more than others.
 */
const NAMED =
  /(?<![\w.-])(["']?[\w.-]{0,60}?(?:password|passwd|secret|token|psk|preshared[-_ ]?key|private[-_ ]?key|client-key-data)(?![\w-]{0,20}[-_]?file)[\w.-]{0,60}["']?[ \t]*[:=][ \t]*)(?!null\b|true\b|false\b)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}&{["'()]+)/gi;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, REDACTED],
  [/\b(authorization["']?[ \t]*[:=][ \t]*["']?)(?:(?:bearer|basic|token)[ \t]+)?[^\s"',]+/gi, `$1${REDACTED}`],
  [/\b(bearer[ \t]+)[\w.~+/=-]{8,}/gi, `$1${REDACTED}`],
  [/(\w:\/\/)[^/@\s"']+@/g, `$1${REDACTED}@`],
  [/(--[\w-]*(?:password|token|secret)(?!-file)[= ]+)[^\s"']+/gi, `$1${REDACTED}`],
  [NAMED, `$1"${REDACTED}"`],
];
