import { expandWord, shellSyntaxIn, shellWords, templateWord, type Word } from '../model/shell-words.js';

/** A command of the network config. */
export interface ExtensionCommand {
  /** A command line, or a program and its arguments. */
  readonly run: string | readonly string[];
  /** sh(1) reads the line; values reach it in its environment only and never become part of it. */
  readonly shell: boolean;
}

/** The commands of the network config, by what they are for. */
export interface ExtensionCommands {
  readonly pre: ExtensionCommand | undefined;
  readonly post: ExtensionCommand | undefined;
  /** Tells whether what the two made is still there. */
  readonly startupCheck: ExtensionCommand | undefined;
  readonly add: ExtensionCommand | undefined;
  readonly remove: ExtensionCommand | undefined;
  /** Tells whether a peer has been added. */
  readonly check: ExtensionCommand | undefined;
  readonly shutdown: ExtensionCommand | undefined;
}

/** The options that hold commands, as they are spelled in the network config. */
export const COMMAND_NAMES: Readonly<Record<keyof ExtensionCommands, string>> = {
  pre: 'PreStartupCommand',
  post: 'PostStartupCommand',
  startupCheck: 'StartupCheckCommand',
  add: 'SubnetAddCommand',
  remove: 'SubnetRemoveCommand',
  check: 'SubnetCheckCommand',
  shutdown: 'ShutdownCommand',
};

export type Variables = Readonly<Record<string, string>>;

export interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The one value that others choose freely: it reaches a command on its standard input and in its environment, and never
 * becomes a part of what is executed.
 */
export const UNTRUSTED = 'BACKEND_DATA';

/** What is executed. @returns undefined when there is no program, or a quote is not closed */
export function invocationOf(
  { run, shell }: ExtensionCommand,
  values: Readonly<Record<string, string | undefined>>,
): Invocation | undefined {
  if (shell && typeof run === 'string') return { program: '/bin/sh', args: ['-c', run] };
  const known = { ...values, [UNTRUSTED]: undefined };
  const [program, ...args] = wordsOf(run)?.map((word) => expandWord(word, known)) ?? [];
  return program === undefined || program === '' ? undefined : { program, args };
}

const wordsOf = (run: ExtensionCommand['run']): readonly Word[] | undefined =>
  typeof run === 'string' ? shellWords(run) : run.map(templateWord);

/** Why a command of the config must not be run; undefined when it may. */
export function faultOf({ run, shell }: ExtensionCommand): string | undefined {
  if ([run].flat().some((text) => text.includes('\0'))) return 'holds a NUL character';
  if (shell && typeof run === 'string') return undefined;
  const words = wordsOf(run);
  if (words === undefined) return 'has a quote that is not closed';
  if (words[0] === undefined || expandWord(words[0], {}) === '') return 'names no program';
  const isNamed = words.flat().some((part) => 'variable' in part && part.variable === UNTRUSTED);
  return isNamed ? `must not have $${UNTRUSTED} among its words: any node may publish what is in it` : undefined;
}

/** What a shell would understand, and nobody else does; undefined when there is none of it. */
export function shellTalkIn({ run, shell }: ExtensionCommand): string | undefined {
  if (shell && typeof run === 'string') return undefined;
  const words = wordsOf(run) ?? [];
  const [program = '', option = ''] = words.map((word) => expandWord(word, {}));
  const isScript = /^(?:.*\/)?(?:ba|da|a|z|k)?sh$/.test(program) && /^-\w*c$/.test(option);
  if (isScript && words[2]?.some((part) => 'variable' in part)) return `${program} ${option}`;
  return typeof run === 'string' ? shellSyntaxIn(run) : undefined;
}

/** For people. */
export const commandText = ({ run }: ExtensionCommand): string =>
  [run]
    .flat()
    .join(' ')
    .trim()
    .replace(/\s*\n\s*/g, '; ');

/** How far what was recorded of a command's work can be relied on. */
export type ExtensionState =
  | 'applied'
  /** The command failed, or was running when flan ended. */
  | 'unfinished'
  /** It was done on top of something that has been made anew since, or that is not there any more. */
  | 'in doubt'
  /** SubnetCheckCommand says that it is there; nobody has written down that we made it. */
  | 'unrecorded';
