import { stripVTControlCharacters } from 'node:util';
import { FlanError } from '../errors.js';
import { didYouMean } from '../model/did-you-mean.js';

/** `config:show` as people type it. */
export const spoken = (id: string): string => id.replaceAll(':', ' ');

/** A mistake on the command line, from what the parser threw; oclif's own advice and colours are taken off. */
export function usageError(thrown: unknown, { id, flags }: { id: string; flags: readonly string[] }): FlanError {
  if (thrown instanceof FlanError) return thrown;
  const raw = thrown instanceof Error ? thrown.message : String(thrown);
  const message = stripVTControlCharacters(raw)
    .replace(/\n?See more help with --help\s*$/, '')
    .replace(/\n+Note: [^\n]* allow multiple values\.[\s\S]*$/, '')
    .trim();
  const unknown = /^Nonexistent flags?: --([\w-]+)/.exec(message)?.[1];
  const guess = unknown === undefined ? undefined : didYouMean(unknown, flags);
  const help = `Run \`flan ${spoken(id)} --help\` for its flags and arguments.`;
  return new FlanError('E_USAGE', message, { hint: guess === undefined ? help : `Did you mean --${guess}? ${help}` });
}

/** For words that are no command: those are quoted that led nowhere, and near ones told. */
export function unknownCommand(words: readonly string[], ids: readonly string[]): FlanError {
  const [first = '', second] = words.filter((word, i) => i === 0 || !word.startsWith('-'));
  const names = ids.map(spoken);
  const ofTopic = names.filter((name) => name.startsWith(`${first} `));
  const isTopic = ofTopic.length > 0 && second !== undefined;
  const typed = second === undefined ? first : `${first} ${second}`;
  const guess = isTopic ? didYouMean(typed, ofTopic) : (didYouMean(typed, names) ?? didYouMean(first, names));
  const help = isTopic
    ? `Run \`flan ${first} --help\` for its commands.`
    : 'Run `flan --help` for the list of commands.';
  return new FlanError('E_USAGE', `there is no command ${JSON.stringify(isTopic ? typed : first)}`, {
    hint: guess === undefined ? help : `Did you mean \`flan ${guess}\`? ${help}`,
  });
}
