import type { ErrorCode } from '../../src/errors.js';
import { EXIT, EXIT_MEANING, EXIT_OF_ERROR, type ExitName } from '../../src/exit-codes.js';
import { ERROR_WORDS } from './error-words.js';
import { raised } from './sources.js';

const names = Object.keys(EXIT) as ExitName[];

/** The exit codes that a run can end with today. */
export function exitTable(): string {
  const { exits } = raised();
  const rows = names.filter((name) => exits.has(name)).map((name) => `| ${EXIT[name]} | ${EXIT_MEANING[name]} |`);
  return ['| exit code | meaning |', '|---|---|', ...rows, ''].join('\n');
}

/** docs/errors.md: every exit code, every error code, and which of them are only reserved. */
export function errorsMarkdown(): string {
  const { errors, exits } = raised();
  const codes = (Object.keys(EXIT_OF_ERROR) as ErrorCode[]).sort();
  const reserved = [
    ...names.filter((name) => !exits.has(name)).map((name) => `- exit code ${EXIT[name]}: ${EXIT_MEANING[name]}`),
    ...codes.filter((code) => !errors.has(code)).map((code) => `- \`${code}\``),
  ];
  const rows = codes
    .filter((code) => errors.has(code))
    .map((code) => `| \`${code}\` | ${EXIT[EXIT_OF_ERROR[code] ?? 'error']} | ${ERROR_WORDS[code] ?? ''} |`);
  return [
    'Every failure has a code that stays the same from version to version. The message beside it is for people and may',
    'change. An error prints its code, what failed, where, the causes, and what to do about it, on stderr; under `--json`',
    'it is one document of kind `flan.error` on stdout. `--debug` adds the stack.',
    '',
    '## Exit codes',
    '',
    exitTable(),
    '## Error codes',
    '',
    '| code | exit code | meaning |',
    '|---|---|---|',
    ...rows,
    '',
    '## Reserved',
    '',
    'Listed in the code, so that their numbers stay free, and not raised by this version:',
    '',
    ...reserved,
    '',
  ].join('\n');
}
