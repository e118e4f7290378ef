import { kinds } from '../kinds/index.js';
import type { Conflict, Plan, Step } from '../planner/plan.js';
import { describeStep, fieldChanges, lineChanges } from './changes.js';
import { type ExternalSummary, type ListedObject, type PlanDocument, type Summary, summarise } from './document.js';
import { type Paint, plain, READING_ORDER, VERBS, type Verb } from './paint.js';
import { guarded, printable } from './printable.js';

const INDENT = '  ';
const WORD_WIDTH = 'conflict'.length;
const SYMBOL_WIDTH = '-/+'.length;
/** Where reasons start: under the key. */
const REASON_INDENT = INDENT + ' '.repeat(SYMBOL_WIDTH + 1 + WORD_WIDTH + 1);

const interfaceWords = ({ dev, address, publicIp, rule }: ExternalSummary): string =>
  `${dev} ${address}${publicIp === address ? '' : ` as ${publicIp}`} (${rule})`;

export function headline({ node, backend, store, peers, external }: PlanDocument): string {
  const who = `${store} (${peers} ${peers === 1 ? 'peer' : 'peers'})`;
  return printable([node, backend, `leases: ${who}`, ...external.map(interfaceWords)].join(' · '));
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

export function summaryLine(summary: Summary): string {
  const parts = READING_ORDER.filter((action) => summary[action] > 0).map(
    (action) => `${summary[action]} to ${action}`,
  );
  const changes = parts.length === 0 ? 'No changes' : `Plan: ${parts.join(', ')}`;
  const conflicts = summary.conflicts === 0 ? '' : `; ${plural(summary.conflicts, 'conflict')}`;
  const foreign = summary.foreign === 0 ? '' : `; ${plural(summary.foreign, 'foreign object')} left alone`;
  return `${changes}${conflicts}; ${summary.unchanged} unchanged${foreign}.`;
}

interface Row {
  readonly verb: Verb;
  readonly key: string;
  readonly words: string;
  readonly below: readonly string[];
}

function row({ verb, key, words, below }: Row, { width, paint }: { readonly width: number; readonly paint: Paint }) {
  const { symbol, colour } = VERBS[verb];
  const head = `${INDENT}${paint[colour](`${symbol.padEnd(SYMBOL_WIDTH)} ${verb.padEnd(WORD_WIDTH)}`)} ${paint.bold(key)}`;
  const first = words === '' ? head : `${head}${' '.repeat(width - key.length)}${INDENT}${printable(words)}`;
  return [first, ...below.map((line) => REASON_INDENT + paint.dim(line))].join('\n');
}

/** The changes of a plan, deletions first, a reason under each. */
function changeRows({ steps, conflicts, heldUp = [] }: Plan, unguarded: Paint): string {
  const paint = guarded(unguarded);
  const width = Math.max(0, ...[...steps, ...conflicts].map(({ key }) => key.length));
  const stepRow = (step: Step): string =>
    row(
      { verb: step.action, key: step.key, words: describeStep(step), below: [...lineChanges(step), step.reason] },
      { width, paint },
    );
  const conflictRow = ({ key, before, after, fields, reason }: Conflict): string => {
    const why = `${reason}, but something that is not flan's stands here: --adopt takes it over`;
    const waiting = heldUp.filter(({ by }) => by === key).length;
    const below = waiting === 0 ? [why] : [why, `${plural(waiting, 'change')} that would stand on it must wait`];
    return row({ verb: 'conflict', key, words: fieldChanges(before, after, fields), below }, { width, paint });
  };
  return [
    ...conflicts.map(conflictRow),
    ...READING_ORDER.flatMap((action) => steps.filter((step) => step.action === action).map(stepRow)),
  ].join('\n');
}

const paragraphs = (blocks: readonly string[]): string => `${blocks.filter((block) => block !== '').join('\n\n')}\n`;

/** The changes alone, for plans that follow from no leases. */
export const changesText = (plan: Plan, foreign: Readonly<Record<string, number>>, paint: Paint = plain): string =>
  paragraphs([changeRows(plan, paint), summaryLine(summarise(plan, foreign))]);

/** A plan as people read it: deletions first, a reason under every change, nothing that did not change. */
export function planText(document: PlanDocument, paint: Paint = plain): string {
  const { plan, warnings, quarantined, summary } = document;
  const notes = [
    ...quarantined.map(
      ({ entry, code, message }) => `${paint.yellow('Left out')} ${printable(`${entry}: ${message}`)} (${code})`,
    ),
    ...warnings.map(
      ({ code, message, hint }) =>
        `${paint.yellow('Warning')} ${printable(message)} (${code})${hint ? `\n  ${paint.dim(hint)}` : ''}`,
    ),
  ];
  const { unchanged_objects: unchanged = [], foreign_objects: foreign = [] } = document;
  return paragraphs([
    headline(document),
    changeRows(plan, paint),
    listedRows({ symbol: '=', word: 'as is', objects: unchanged }, paint),
    listedRows({ symbol: '*', word: 'foreign', objects: foreign }, paint),
    notes.join('\n'),
    summaryLine(summary),
  ]);
}

interface Listed {
  readonly symbol: string;
  readonly word: string;
  readonly objects: readonly ListedObject[];
}

/** Objects that nothing is done to, one per line. */
function listedRows({ symbol, word, objects }: Listed, unguarded: Paint): string {
  const paint = guarded(unguarded);
  const width = Math.max(0, ...objects.map(({ key }) => key.length));
  return objects
    .map(({ key, resource, reason }) => {
      const words = [kinds.of(resource).describe(resource), reason && `(${reason})`].filter(Boolean).join(' ');
      const head = `${INDENT}${paint.dim(`${symbol.padEnd(SYMBOL_WIDTH)} ${word.padEnd(WORD_WIDTH)}`)} ${paint.bold(key)}`;
      return `${head}${' '.repeat(width - key.length)}${INDENT}${printable(words)}`.trimEnd();
    })
    .join('\n');
}
