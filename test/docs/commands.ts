import { BaseCommand } from '../../src/commands/base.js';
import { loadCommands } from '../../src/commands/index.js';

const COMMANDS = await loadCommands();

/** A flag as oclif keeps it, as far as it matters here. */
interface Flag {
  readonly type: 'boolean' | 'option';
  readonly hidden?: boolean | undefined;
  readonly allowNo?: boolean | undefined;
  readonly summary?: string | undefined;
}

const plain = (text: string): string => text.replaceAll('<%= config.bin %>', 'flan').replaceAll('|', '\\|');

function flagName(name: string, flag: Flag): string {
  const { char, helpValue } = flag as { readonly char?: string; readonly helpValue?: string };
  const options = (flag as { readonly options?: readonly string[] }).options;
  const long = flag.allowNo ? `--[no-]${name}` : `--${name}`;
  const value = flag.type === 'boolean' ? '' : ` ${options?.join('\\|') ?? helpValue ?? 'VALUE'}`;
  return `${char === undefined ? '' : `\`-${char}\`, `}\`${long}\`${value}`;
}

const flagRows = (flags: Readonly<Record<string, Flag>>): string[] =>
  Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .map(([name, flag]) => {
      const fallback = (flag as { readonly default?: unknown }).default;
      const suffix = typeof fallback === 'string' ? ` Default: ${fallback}.` : '';
      return `| ${flagName(name, flag)} | ${plain(flag.summary ?? '')}.${suffix} |`;
    });

const FLAG_HEAD = ['| flag | meaning |', '|---|---|'];

function section(id: string): string[] {
  const command = COMMANDS[id];
  if (command === undefined) throw new Error(`no command ${id}`);
  const args = Object.entries(command.args ?? {}).map(([name, arg]) => ({ name, arg }));
  const usage = [
    'flan',
    id.replace(':', ' '),
    ...args.map(({ name, arg }) => (arg.required ? name.toUpperCase() : `[${name.toUpperCase()}]`)),
  ].join(' ');
  const own = flagRows((command.flags ?? {}) as Readonly<Record<string, Flag>>);
  const examples = (command.examples ?? []).map((example) => (typeof example === 'string' ? example : example.command));
  const takesSettings = 'config' in command.baseFlags;
  return [
    `## ${usage}`,
    '',
    `${plain(command.summary ?? '')}.`,
    ...(command.description === undefined ? [] : ['', plain(command.description)]),
    ...(args.length === 0 ? [] : ['', ...args.map(({ name, arg }) => argLine(name, arg))]),
    ...(own.length === 0 ? [] : ['', ...FLAG_HEAD, ...own]),
    ...(examples.length === 0
      ? []
      : ['', '```sh', ...examples.map((text) => text.replaceAll('<%= config.bin %>', 'flan')), '```']),
    '',
    takesSettings ? 'Takes every [setting](settings.md) as a flag, and `-c FILE`.' : 'Takes no settings.',
    '',
  ];
}

function argLine(name: string, arg: { readonly description?: string | undefined; readonly default?: unknown }): string {
  const fallback = typeof arg.default === 'string' ? ` Default: \`${arg.default}\`.` : '';
  return `- \`${name.toUpperCase()}\`: ${arg.description ?? ''}.${fallback}`;
}

/** docs/commands.md, from the command classes. */
export function commandsMarkdown(): string {
  return [
    'Data goes to stdout, everything else to stderr. [Exit codes and errors](errors.md) are listed apart.',
    '',
    '## Flags of every command',
    '',
    ...FLAG_HEAD,
    ...flagRows(BaseCommand.baseFlags),
    '',
    ...Object.entries(COMMANDS).flatMap(([id, { hidden }]) => (hidden === true ? [] : section(id))),
  ].join('\n');
}
