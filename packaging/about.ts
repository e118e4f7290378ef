import { BaseCommand } from '../src/commands/base.js';
import { loadCommands } from '../src/commands/index.js';
import { SettingsCommand } from '../src/commands/settings-command.js';
import { PACKAGE } from '../src/version.js';

const COMMANDS = await loadCommands();

/** What man pages and completions say of one command. */
export interface CommandAbout {
  /** As people type them, without `flan`: `lease`, `show`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly description: string | undefined;
  readonly examples: readonly string[];
  readonly args: readonly ArgAbout[];
  /** Its own ones; those of every command and the settings are apart. */
  readonly flags: readonly FlagAbout[];
  readonly settings: 'taken' | 'none';
}

export interface ArgAbout {
  readonly name: string;
  readonly summary: string;
  readonly default: string | undefined;
  readonly presence: 'required' | 'optional';
  /** Whether it may be given again and again. */
  readonly repeat: 'once' | 'many';
  readonly holds: ValueAbout['holds'];
}

export interface FlagAbout {
  /** Without dashes. */
  readonly name: string;
  readonly char: string | undefined;
  readonly summary: string;
  readonly default: string | undefined;
  readonly value: ValueAbout | undefined;
  /** `--no-NAME` is understood too. */
  readonly negation: 'yes' | 'no';
}

export interface ValueAbout {
  /** What stands for it in usage lines: `FILE`, `text|json`. */
  readonly placeholder: string;
  /** All that is allowed; empty when that is no list. */
  readonly choices: readonly string[];
  readonly holds: 'path' | 'interface' | 'namespace' | 'other';
}

/** A flag as oclif keeps it, as far as it matters here. */
interface OclifFlag {
  readonly type: 'boolean' | 'option';
  readonly char?: string | undefined;
  readonly summary?: string | undefined;
  readonly hidden?: boolean | undefined;
  readonly allowNo?: boolean | undefined;
  readonly helpValue?: string | readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
  readonly default?: unknown;
}

interface OclifArg {
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly required?: boolean | undefined;
  readonly multiple?: boolean | undefined;
}

/** Every command that people start, in the order of the list. */
export const commandsAbout = (): readonly CommandAbout[] =>
  shownCommands().map(([id, command]): CommandAbout => {
    const { summary = '', description, examples = [] } = command;
    return {
      words: id.split(':'),
      summary: sentence(summary),
      description: description === undefined ? undefined : spoken(description),
      examples: examples.map((example) => spoken(typeof example === 'string' ? example : example.command)),
      args: Object.entries((command.args ?? {}) as Readonly<Record<string, OclifArg>>).map(argAbout),
      // Its own -o may take other formats, or be the name of a file.
      flags: flagsAbout({ output: BaseCommand.baseFlags.output, ...command.flags }),
      settings: command.prototype instanceof SettingsCommand ? 'taken' : 'none',
    };
  });

/** The flags that are the same in every command, less help. */
export const commonFlags = (): readonly FlagAbout[] => {
  const { output: _, ...same } = BaseCommand.baseFlags;
  return flagsAbout(same);
};

/** `-c FILE`, and every setting as a flag. */
export const settingFlags = (): readonly FlagAbout[] =>
  flagsAbout(SettingsCommand.baseFlags).filter(({ name }) => !(name in BaseCommand.baseFlags));

/** The first words of commands of two words, with what they are about. */
export const topicsAbout = (): readonly (readonly [word: string, summary: string])[] => {
  const known: Readonly<Record<string, { readonly description: string } | undefined>> = PACKAGE.oclif.topics;
  const words = new Set(shownCommands().flatMap(([id]) => (id.includes(':') ? (id.split(':')[0] ?? []) : [])));
  return [...words].map((word) => [word, known[word]?.description ?? `Commands about ${word}`]);
};

/** Some are for flan itself to start. */
const shownCommands = () => Object.entries(COMMANDS).filter(([, command]) => command.hidden !== true);

const spoken = (text: string): string => text.replaceAll('<%= config.bin %>', 'flan');
const sentence = (text: string): string => spoken(text).replace(/\.$/, '');

function argAbout([name, arg]: readonly [string, OclifArg]): ArgAbout {
  return {
    name: name.toUpperCase(),
    summary: sentence(arg.description ?? ''),
    default: typeof arg.default === 'string' ? arg.default : undefined,
    presence: arg.required ? 'required' : 'optional',
    repeat: arg.multiple ? 'many' : 'once',
    holds: holdsOf(name.toUpperCase()),
  };
}

function flagsAbout(flags: object): readonly FlagAbout[] {
  return Object.entries(flags as Readonly<Record<string, OclifFlag>>)
    .filter(([, flag]) => flag.hidden !== true)
    .map(([name, flag]) => ({
      name,
      char: flag.char,
      summary: sentence(flag.summary ?? ''),
      default: typeof flag.default === 'string' ? flag.default : undefined,
      value: flag.type === 'boolean' ? undefined : valueAbout(name, flag),
      negation: flag.allowNo ? 'yes' : 'no',
    }));
}

const ON_THIS_HOST: Readonly<Record<string, ValueAbout['holds']>> = { iface: 'interface', netns: 'namespace' };

function valueAbout(name: string, { helpValue, options }: OclifFlag): ValueAbout {
  const words = typeof helpValue === 'string' ? helpValue : helpValue?.join('|');
  const placeholder = options?.join('|') ?? words ?? 'VALUE';
  // The choices of a setting are in its placeholder alone: its values are checked with those of the other sources.
  const choices = options ?? (/^[a-z][\w-]*(\|[a-z][\w-]*)+$/.test(placeholder) ? placeholder.split('|') : []);
  return { placeholder, choices, holds: ON_THIS_HOST[name] ?? holdsOf(placeholder) };
}

const holdsOf = (placeholder: string): ValueAbout['holds'] =>
  /^(PATH|FILE|DIR|DIRECTORY|FOLDER|PLAN)S?$/.test(placeholder) ? 'path' : 'other';
