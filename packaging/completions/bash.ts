import type { CommandAbout, FlagAbout, ValueAbout } from '../about.js';
import { firstWords, formsOf, type Shape, secondWords, type Word } from './shape.js';

/** Where candidates come from that are on this host: shell words that set `words`, or call a function. */
const LOOK_UP: Readonly<Record<ValueAbout['holds'], string>> = {
  path: '_flan_files',
  interface: '_flan_words "$(command ls /sys/class/net 2>/dev/null)"',
  namespace: '_flan_words "$(command ls /run/netns 2>/dev/null)"',
  other: ':',
};

/** A completion script for bash; it needs nothing of the bash-completion package. */
export function bashCompletion(shape: Shape): string {
  const { commands, topics, common, settings } = shape;
  const flags = (list: readonly FlagAbout[]): string => list.flatMap(formsOf).join(' ');
  return [
    '# bash completion for flan. Generated: do not edit.',
    '',
    '_flan_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }',
    '_flan_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); }',
    '',
    '_flan() {',
    "  local IFS=$' \\t\\n' cur=${COMP_WORDS[COMP_CWORD]} flag= own= arguments= settings=",
    '  local command=${COMP_WORDS[1]} first=1',
    '  COMPREPLY=()',
    '  # bash makes three words of --flag=value.',
    '  if [[ $cur == = ]]; then',
    '    flag=${COMP_WORDS[COMP_CWORD - 1]} cur=',
    '  elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then',
    '    flag=${COMP_WORDS[COMP_CWORD - 2]}',
    '  elif ((COMP_CWORD > 1)); then',
    '    flag=${COMP_WORDS[COMP_CWORD - 1]}',
    '  fi',
    '  if [[ $command == help ]] && ((COMP_CWORD > 1)); then first=2 command=${COMP_WORDS[2]}; fi',
    '  if ((COMP_CWORD == first)); then',
    `    _flan_words '${list(firstWords(shape))}'`,
    "    if ((first == 1)) && [[ $cur == -* ]]; then _flan_words '--help --version -h -V'; fi",
    '    return',
    '  fi',
    '  case $command in',
    ...topics.flatMap(([word]) => [
      `    ${word})`,
      `      if ((COMP_CWORD == first + 1)); then _flan_words '${list(secondWords(shape, word))}'; fi`,
      '      case ${COMP_WORDS[first + 1]} in',
      `        ${secondWords(shape, word)
        .map((second) => second.word)
        .join(' | ')}) command="$command \${COMP_WORDS[first + 1]}" ;;`,
      '      esac',
      '      ;;',
    ]),
    '  esac',
    '  if ((first == 2)) || [[ ${#COMPREPLY[@]} -gt 0 && $command == "${COMP_WORDS[1]}" ]]; then return; fi',
    '  case $command in',
    ...commands.flatMap(commandCase),
    '    *) return ;;',
    '  esac',
    '  case "$command $flag" in',
    ...commands.flatMap(({ words, flags: own }) => valueCases(own, (form) => `'${words.join(' ')} ${form}'`)),
    '  esac',
    '  if [[ -n $settings ]]; then',
    '    case $flag in',
    ...valueCases(settings, (form) => form).map((line) => `  ${line}`),
    '    esac',
    '  fi',
    `  local every='${flags(common)}'`,
    '  if [[ $cur == -* ]]; then',
    `    if [[ -n $settings ]]; then every+=' ${flags(settings)}'; fi`,
    '    _flan_words "$own $every"',
    '  elif [[ $arguments == path ]]; then',
    '    _flan_files',
    '  elif [[ -z $arguments && -z $cur ]]; then',
    '    _flan_words "$own $every"',
    '  fi',
    '}',
    '',
    'complete -F _flan flan',
    '',
  ].join('\n');
}

const list = (words: readonly Word[]): string => words.map(({ word }) => word).join(' ');

function commandCase({ words, flags, args, settings }: CommandAbout): readonly string[] {
  const kind = args.length === 0 ? '' : args.some(({ holds }) => holds === 'path') ? 'path' : 'other';
  const sets = [
    `own='${flags.flatMap(formsOf).join(' ')}'`,
    ...(kind === '' ? [] : [`arguments=${kind}`]),
    ...(settings === 'taken' ? ['settings=1'] : []),
  ];
  return [`    '${words.join(' ')}') ${sets.join(' ')} ;;`];
}

/** One branch per flag that takes a value; nothing else may follow it. */
const valueCases = (flags: readonly FlagAbout[], pattern: (form: string) => string): readonly string[] =>
  flags.flatMap((flag) => {
    if (flag.value === undefined) return [];
    const { choices, holds } = flag.value;
    const action = choices.length > 0 ? `_flan_words '${choices.join(' ')}'` : LOOK_UP[holds];
    return [`    ${formsOf(flag).map(pattern).join(' | ')}) ${action}; return ;;`];
  });
