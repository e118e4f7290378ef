import type { ArgAbout, CommandAbout, FlagAbout, ValueAbout } from '../about.js';
import { firstWords, type Shape, secondWords, type Word } from './shape.js';

const ACTION: Readonly<Record<ValueAbout['holds'], string>> = {
  path: '_files',
  interface: '_net_interfaces',
  namespace: '_files -W /run/netns',
  other: ' ',
};

/** A completion function for zsh, to be put into a folder of $fpath as `_flan`. @see zshcompsys(1) */
export function zshCompletion(shape: Shape): string {
  const { commands, topics, common, settings } = shape;
  return [
    '#compdef flan',
    '# Generated: do not edit.',
    '',
    ...functionOf('_flan_first', ['local -a words', ...describe('command', firstWords(shape))]),
    ...topics.flatMap(([word]) =>
      functionOf(`_flan_second_${word}`, ['local -a words', ...describe('command', secondWords(shape, word))]),
    ),
    ...functionOf('_flan_run', [
      'local -a every settings',
      `every=(${common.flatMap(specsOf).join(' ')})`,
      `settings=(${settings.flatMap(specsOf).join(' ')})`,
      'case $1 in',
      ...commands.map(runCase),
      'esac',
    ]),
    ...functionOf('_flan', [
      'local first=2',
      'if [[ $words[2] == help ]] && ((CURRENT > 2)); then first=3; fi',
      "if ((CURRENT == 2)) && [[ $PREFIX == -* ]]; then _arguments '--help[Explain flan]' '--version[Print the version]'",
      'elif ((CURRENT == first)); then _flan_first',
      'else',
      '  local command=$words[first] length=1',
      '  if ((CURRENT == first + 1)) && [[ $PREFIX != -* ]]; then',
      '    case $command in',
      `      ${topics.map(([word]) => word).join(' | ')}) _flan_second_$command ;;`,
      '    esac',
      '  elif ((CURRENT > first + 1)); then',
      '    case "$command $words[first + 1]" in',
      `      ${twoWords(shape)}) command+=" $words[first + 1]" length=2 ;;`,
      '    esac',
      '  fi',
      '  if ((first == 2)); then',
      '    shift length words; ((CURRENT -= length)); _flan_run "$command"',
      '  fi',
      'fi',
    ]),
    '_flan "$@"',
    '',
  ].join('\n');
}

const twoWords = ({ commands }: Shape): string =>
  commands
    .filter(({ words }) => words.length > 1)
    .map(({ words }) => quoted(words.join(' ')))
    .join(' | ');

const functionOf = (name: string, lines: readonly string[]): readonly string[] => [
  `${name}() {`,
  ...lines.map((line) => `  ${line}`),
  '}',
  '',
];

const describe = (what: string, words: readonly Word[]): readonly string[] => [
  `words=(${words.map(({ word, summary }) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`)).join(' ')})`,
  `_describe ${what} words`,
];

function runCase({ words, flags, args, settings }: CommandAbout): string {
  const specs = [
    ...flags.flatMap(specsOf),
    '$every',
    ...(settings === 'taken' ? ['$settings'] : []),
    ...args.map(argOf),
  ];
  return `  ${quoted(words.join(' '))}) _arguments -S ${specs.join(' ')} ;;`;
}

function argOf({ name, presence, repeat, holds }: ArgAbout): string {
  const place = repeat === 'many' ? '*:' : presence === 'required' ? ':' : '::';
  return quoted(`${place}${name.toLowerCase()}:${ACTION[holds]}`);
}

function specsOf({ name, char, summary, value, negation }: FlagAbout): readonly string[] {
  const text = `[${summary.replace(/[\\[\]:]/g, '\\$&')}]`;
  const takes =
    value === undefined ? '' : `:${value.placeholder.toLowerCase().replaceAll(':', '\\:')}:${actionOf(value)}`;
  const long = `--${name}${value === undefined ? '' : '='}`;
  const forms = char === undefined ? [long] : [`-${char}${value === undefined ? '' : '+'}`, long];
  return [
    ...forms.map((form) => quoted(`${form}${text}${takes}`)),
    ...(negation === 'yes' ? [quoted(`--no-${name}[Not: ${text.slice(1)}`.replace('Not:', 'Not\\:'))] : []),
  ];
}

const actionOf = ({ choices, holds }: ValueAbout): string =>
  choices.length > 0 ? `(${choices.join(' ')})` : ACTION[holds];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
