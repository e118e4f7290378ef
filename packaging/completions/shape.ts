import { type CommandAbout, commandsAbout, commonFlags, type FlagAbout, settingFlags, topicsAbout } from '../about.js';

/** All that a shell has to know. */
export interface Shape {
  readonly commands: readonly CommandAbout[];
  readonly topics: ReturnType<typeof topicsAbout>;
  readonly common: readonly FlagAbout[];
  readonly settings: readonly FlagAbout[];
}

export const shape = (): Shape => ({
  commands: commandsAbout(),
  topics: topicsAbout(),
  common: [...commonFlags(), HELP],
  settings: settingFlags(),
});

/** Not among the flags of oclif: it is understood before a command is. */
const HELP: FlagAbout = {
  name: 'help',
  char: 'h',
  summary: 'Explain the command',
  default: undefined,
  value: undefined,
  negation: 'no',
};

export interface Word {
  readonly word: string;
  readonly summary: string;
}

/** What may stand first: commands of one word, and the first words of the others. */
export const firstWords = ({ commands, topics }: Shape): readonly Word[] => [
  ...commands
    .filter(({ words }) => words.length === 1)
    .map(({ words, summary }) => ({ word: words.join(' '), summary })),
  ...topics
    .filter(([word]) => !commands.some(({ words }) => words.join(' ') === word))
    .map(([word, summary]) => ({ word, summary })),
  { word: 'help', summary: 'Explain a command' },
];

export const secondWords = ({ commands }: Shape, first: string): readonly Word[] =>
  commands
    .filter(({ words }) => words.length > 1 && words[0] === first)
    .map(({ words, summary }) => ({ word: words.slice(1).join(' '), summary }));

/** `--color`, `--no-color`, `-c`: every form of a flag. */
export const formsOf = ({ name, char, negation }: FlagAbout): readonly string[] => [
  `--${name}`,
  ...(negation === 'yes' ? [`--no-${name}`] : []),
  ...(char === undefined ? [] : [`-${char}`]),
];
