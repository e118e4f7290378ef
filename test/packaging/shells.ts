import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

/** What a shell offers at the end of a command line, sorted. */
export type Complete = (line: string) => readonly string[];

const lines = (text: string): readonly string[] =>
  [...new Set(text.split(/\r?\n/).filter((line) => line !== ''))].sort();

/** bash hands a completion function the words of the line, of which it makes three for `--flag=value`. */
export const bashAt =
  (script: string): Complete =>
  (line) => {
    const words = line.split(/(=)| +/).filter((word) => word !== undefined && (word !== '' || line.endsWith(' ')));
    const open = line.endsWith(' ') || line.endsWith('=') ? '' : words.pop();
    const given = words.filter((word) => word !== '');
    const body = [
      `source ${script}`,
      'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))',
      // As readline calls it: `complete -F` names the function.
      '$(complete -p flan | sed -n "s/.*-F \\([^ ]*\\).*/\\1/p") flan',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join('\n');
    const last = line.endsWith('=') ? [] : [open ?? ''];
    return lines(
      execFileSync('bash', ['--norc', '-uc', body, 'bash', ...given, ...last], { encoding: 'utf8', stdio: 'pipe' }),
    );
  };

export const fishAt =
  (script: string): Complete =>
  (line) => {
    const body = `source ${script}; complete -C ${JSON.stringify(line)}`;
    const output = execFileSync('fish', ['--no-config', '-c', body], { encoding: 'utf8', stdio: 'pipe' });
    return lines(output.replace(/\t.*$/gm, ''));
  };

/** An interactive zsh on a terminal of its own, whose `compadd` tells what it adds before it does. */
const ZSH = `
zmodload zsh/zpty
zpty inner zsh -f -i +Z
tell() { zpty -w inner "$1"; }
until_mark() { local text=; while [[ $text != *$1* ]]; do zpty -r inner chunk || exit 1; text+=$chunk; done; print -r -- "$text"; }
tell 'PROMPT=; PS2=; unsetopt prompt_cr; stty -echo; fpath=('"$2"' $fpath); autoload -Uz compinit; compinit -D -u'
tell 'offers=(); compadd() {
  if [[ " \${@[1,(i)(-|--)]} " == *" -"[OAD]" "* ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; offers+=($hits); builtin compadd "$@"
}'
tell 'told() { print -r -- "<<<"; print -rl -- $offers; print -r -- ">>>"; exit; }; compprefuncs=(); comppostfuncs=(told)'
# The line editor drops what was typed before it reads: it says itself when it does.
tell 'zle-line-init() { print -r -- READY }; zle -N zle-line-init; bindkey "^I" list-choices; setopt zle'
until_mark READY >/dev/null
zpty -w -n inner "$3"$'\\t'
until_mark '>>>'
`;

export const zshAt =
  (script: string): Complete =>
  (line) => {
    const output = execFileSync('zsh', ['-fc', ZSH, 'zsh', '', dirname(script), line], {
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 20_000,
    });
    return lines(/<<<\r?\n(.*)>>>/s.exec(output)?.[1] ?? '');
  };

export const scriptsIn = (folder: string) =>
  [
    ['bash', bashAt, join(folder, 'flan')],
    ['zsh', zshAt, join(folder, '_flan')],
    ['fish', fishAt, join(folder, 'flan.fish')],
  ] as const;
