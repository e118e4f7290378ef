import type { ArgAbout, CommandAbout, FlagAbout } from '../about.js';
import { bold, escaped, italic, item, literal, paragraphs, reference, section } from './roff.js';

/** `flan-lease-show`: the page of `flan lease show`. */
export const pageName = ({ words }: CommandAbout): string => ['flan', ...words].join('-');

export interface CommandPageInput {
  readonly command: CommandAbout;
  readonly common: readonly FlagAbout[];
}

/** What the page of a command holds under its name. */
export function commandPage({ command, common }: CommandPageInput): readonly string[] {
  const { words, summary, description, args, flags, settings, examples } = command;
  const synopsis = [bold(['flan', ...words].join(' ')), ...flags.map(flagUsage), ...args.map(argUsage)];
  return [
    ...section('SYNOPSIS', [synopsis.join('\n')]),
    ...section('DESCRIPTION', paragraphs(`${summary}.${description === undefined ? '' : `\n\n${description}`}`)),
    ...section(
      'ARGUMENTS',
      args.flatMap((arg) => item(italic(arg.name), `${arg.summary}.${defaultOf(arg)}`)),
    ),
    ...section('OPTIONS', [...flags, ...common].flatMap(flagItem)),
    ...section('SETTINGS', settings === 'taken' ? [...TAKEN] : []),
    ...section('EXAMPLES', examples.length === 0 ? [] : literal(examples)),
    ...section('EXIT STATUS', ['.PP', `0 on success. Every other number is explained in ${reference('flan', 8)}.`]),
    ...section('SEE ALSO', ['.PP', `${reference('flan', 8)}, ${reference('flan.yaml', 5)}`]),
  ];
}

const TAKEN = [
  '.PP',
  `Every setting of ${reference('flan.yaml', 5)} is a flag of this command too, and wins there over variables and files.`,
  ...item(`${bold('-c')}, ${bold('--config')} ${italic('FILE')}`, 'Settings file to read instead of `./flan.yaml`.'),
];

export const flagItem = (flag: FlagAbout): readonly string[] =>
  item(flagHead(flag), `${flag.summary}.${defaultOf(flag)}`);

function flagHead({ name, char, value, negation }: FlagAbout): string {
  const long = [`--${name}`, ...(negation === 'yes' ? [`--no-${name}`] : [])].map(bold).join(', ');
  const takes = value === undefined ? '' : ` ${italic(value.placeholder)}`;
  return `${char === undefined ? '' : `${bold(`-${char}`)}, `}${long}${takes}`;
}

const flagUsage = ({ name, char, value }: FlagAbout): string => {
  const short = char === undefined ? '' : `${bold(`-${char}`)}|`;
  return `[${short}${bold(`--${name}`)}${value === undefined ? '' : ` ${italic(value.placeholder)}`}]`;
};

function argUsage({ name, presence, repeat }: ArgAbout): string {
  const text = `${italic(name)}${repeat === 'many' ? escaped('...') : ''}`;
  return presence === 'required' ? text : `[${text}]`;
}

const defaultOf = ({ default: fallback }: { readonly default: string | undefined }): string =>
  fallback === undefined ? '' : ` Default: \`${fallback}\`.`;
