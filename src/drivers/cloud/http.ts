import { asFlanError } from '../../errors.js';
import { CloudError } from './cloud-error.js';

export interface HttpRequest {
  /** For people: `EC2 CreateRoute`. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The largest answers are pages of some hundred routes. */
const MAX_BYTES = 8 * 1024 * 1024;

/** One request, whatever its status. @throws {FlanError} E_CLOUD_UNREACHABLE; the signal's reason once it aborts */
export async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { what, method, url, headers = {}, body, timeoutMs } = request;
  const { origin } = addressOf(url, what);
  refuseUnsendable(headers, what);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await fetch(url, {
      method,
      headers: { 'user-agent': 'flan', ...headers },
      ...(body !== undefined && { body }),
      // A request is signed for one place, and credentials are for that place alone.
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    const text = await limited(answer, what);
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: withoutSecrets(text, headers) };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof CloudError) throw cause;
    const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
    throw new CloudError('E_CLOUD_UNREACHABLE', `${what}: ${origin} cannot be reached: ${why}`, {
      retry: true,
      hint: 'Check that this host runs in the cloud that the network config names, and its way to there.',
      cause,
    });
  }
}

/** An address that a variable may have set. @throws {FlanError} E_CLOUD_UNREACHABLE */
export function addressOf(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url;
  // What stands before an @ is a password.
  const shown = text.includes('@') ? 'what is set' : text;
  throw new CloudError('E_CLOUD_UNREACHABLE', `${what}: ${shown} is no address that can be asked`, {
    hint: 'Correct the variable that sets it: it begins with https:// or http://, and holds no password.',
  });
}

const SECRET = /token|authorization/;

/** fetch would quote the value, and the value is a secret. */
function refuseUnsendable(headers: Readonly<Record<string, string>>, what: string): void {
  const bad = Object.entries(headers).find(([, value]) => /[^\t\x20-\x7e]/.test(value));
  if (bad === undefined) return;
  throw new CloudError('E_CLOUD_AUTH', `${what}: a character in ${bad[0]} cannot be sent`, {
    hint: 'Look for line breaks and the like in the credentials of this node.',
  });
}

/** Some clouds quote the request in what they refuse, with the token in it. */
const withoutSecrets = (text: string, headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .filter(([name]) => SECRET.test(name))
    .flatMap(([, value]) => [value, value.replace(/^Bearer /, ''), encodeURIComponent(value)])
    // What is shorter is no secret, and may stand in any word.
    .filter(({ length }) => length >= 8)
    .reduce((left, secret) => left.replaceAll(secret, '…'), text);

async function limited(answer: Response, what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES)
      throw new CloudError('E_CLOUD_PROTOCOL', `${what}: the answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch hides what happened in the cause of its error. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const { code } = inner as NodeJS.ErrnoException;
  return code ?? asFlanError(inner).message;
}

/** `Retry-After` in seconds, as clouds send it. */
export function retryAfterMs({ headers }: HttpAnswer): number | undefined {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds * 1000 : undefined;
}
