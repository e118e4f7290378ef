import type { FlagAbout, ValueAbout } from '../about.js';
import { firstWords, type Shape, secondWords } from './shape.js';

const CANDIDATES: Readonly<Record<ValueAbout['holds'], string>> = {
  path: '-r -F',
  interface: "-x -a '(command ls /sys/class/net 2>/dev/null)'",
  namespace: "-x -a '(command ls /run/netns 2>/dev/null)'",
  other: '-x',
};

/** A completion script for fish. @see complete(1) of fish */
export function fishCompletion(shape: Shape): string {
  const { commands, topics, common, settings } = shape;
  const withSettings = commands.filter((command) => command.settings === 'taken');
  const atCommand = commands.map(({ words }) => `'${words.join(' ')}'`).join(' ');
  return [
    '# fish completion for flan. Generated: do not edit.',
    '',
    '# Whether the command of the line so far is one of these.',
    'function __flan_at',
    '    set -l line (commandline -opc)',
    '    set -l command $line[2]',
    '    if set -q line[3]; and contains -- "$line[2..3]" $__flan_two_words',
    '        set command "$line[2..3]"',
    '    end',
    '    contains -- "$command" $argv',
    'end',
    `set -g __flan_two_words ${commands
      .filter(({ words }) => words.length > 1)
      .map(({ words }) => quoted(words.join(' ')))
      .join(' ')}`,
    '',
    '# Whether the word under way is the first after these.',
    'function __flan_after',
    '    set -l line (commandline -opc)',
    '    test "$line[2..]" = "$argv[1]"',
    'end',
    '',
    'complete -c flan -f',
    ...["''", 'help'].flatMap((before) =>
      firstWords(shape).map(({ word, summary }) => offer(`__flan_after ${before}`, `-a ${word} -d ${quoted(summary)}`)),
    ),
    ...topics.flatMap(([topic]) =>
      [quoted(topic), quoted(`help ${topic}`)].flatMap((before) =>
        secondWords(shape, topic).map(({ word, summary }) =>
          offer(`__flan_after ${before}`, `-a ${word} -d ${quoted(summary)}`),
        ),
      ),
    ),
    offer("__flan_after ''", "-l version -s V -d 'Print the version'"),
    offer("__flan_after ''", "-l help -s h -d 'Explain flan'"),
    '',
    ...common.flatMap((flag) => flagLines(`__flan_at ${atCommand}`, flag)),
    '',
    ...settings.flatMap((flag) =>
      flagLines(`__flan_at ${withSettings.map(({ words }) => `'${words.join(' ')}'`).join(' ')}`, flag),
    ),
    ...commands.flatMap(({ words, flags, args }) => {
      const at = `__flan_at '${words.join(' ')}'`;
      const files = args.some(({ holds }) => holds === 'path') ? [offer(at, '-F')] : [];
      return ['', `# flan ${words.join(' ')}`, ...flags.flatMap((flag) => flagLines(at, flag)), ...files];
    }),
    '',
  ].join('\n');
}

const offer = (condition: string, what: string): string => `complete -c flan -n "${condition}" ${what}`;

function flagLines(condition: string, { name, char, summary, value, negation }: FlagAbout): readonly string[] {
  const short = char === undefined ? '' : ` -s ${char}`;
  const takes = value === undefined ? '' : ` ${candidatesOf(value)}`;
  return [
    offer(condition, `-l ${name}${short}${takes} -d ${quoted(summary)}`),
    ...(negation === 'yes' ? [offer(condition, `-l no-${name} -d ${quoted(`Not: ${summary}`)}`)] : []),
  ];
}

const candidatesOf = ({ choices, holds }: ValueAbout): string =>
  choices.length > 0 ? `-x -a ${quoted(choices.join(' '))}` : CANDIDATES[holds];

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
