/** What the command line asks for, before any flag of a command is known. */
export type Request =
  | { readonly type: 'run'; readonly id: string; readonly argv: readonly string[] }
  /** Help about a command, a topic, or (without words) everything. */
  | { readonly type: 'help'; readonly words: readonly string[] }
  | { readonly type: 'unknown'; readonly words: readonly string[] };

/** Whether a switch is given, before `--` ends the flags. */
export function given(argv: readonly string[], ...flags: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const forms = flags.flatMap((flag) => [flag, `${flag}=true`]);
  return argv.some((word, i) => forms.includes(word) && (end < 0 || i < end));
}

/** The format that a failure is told in: the one asked for, where that is one for machines. */
export function formatAsked(argv: readonly string[]): 'text' | 'json' | 'ndjson' {
  if (given(argv, '--json')) return 'json';
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const asked = words.flatMap((word, i) => {
    if (word === '-o' || word === '--output') return words[i + 1] ?? [];
    return /^(?:-o=?|--output=)(.+)$/s.exec(word)?.[1] ?? [];
  });
  const last = asked.at(-1);
  return last === 'json' || last === 'ndjson' ? last : 'text';
}

/** Finds the command that a command line names. Ids are `topic:command`; people type a space. */
export function requested(argv: readonly string[], ids: readonly string[]): Request {
  const [first, ...rest] = argv;
  if (first === undefined) return { type: 'help', words: [] };
  if (first === 'help') return about(rest, ids);
  if (first.startsWith('-'))
    return given(argv, '--help', '-h') ? { type: 'help', words: [] } : { type: 'unknown', words: argv };
  const id = [`${first}:${rest[0]}`, first].find((candidate) => ids.includes(candidate));
  if (id === undefined || given(argv, '--help', '-h')) return about(argv, ids);
  return { type: 'run', id, argv: argv.slice(id.split(':').length) };
}

function about(words: readonly string[], ids: readonly string[]): Request {
  const [first, second] = words.filter((word) => !word.startsWith('-'));
  if (first === undefined) return { type: 'help', words: [] };
  if (second !== undefined && ids.includes(`${first}:${second}`)) return { type: 'help', words: [first, second] };
  const isTopic = ids.some((id) => id.startsWith(`${first}:`));
  if (ids.includes(first) || (isTopic && second === undefined)) return { type: 'help', words: [first] };
  return { type: 'unknown', words };
}
