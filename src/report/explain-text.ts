import type { KernelAnswer } from '../host/kernel-answer.js';
import { duration } from './duration-words.js';
import type {
  ExplainDocument,
  ExplainedLease,
  ExplainedObject,
  ExplainVerdict,
  ObjectState,
} from './explain-document.js';
import { type Paint, plain } from './paint.js';
import { guarded, printable } from './printable.js';
import { leaseWords } from './status-text.js';
import { table } from './table.js';

const SYMBOL: Readonly<Record<ExplainVerdict, { readonly symbol: string; readonly colour: keyof Paint }>> = {
  'in order': { symbol: '✓', colour: 'green' },
  'not in order': { symbol: '✕', colour: 'red' },
  "not flan's": { symbol: '·', colour: 'dim' },
};

const STATE_SYMBOL: Readonly<Record<ObjectState, string>> = {
  'in place': '✓',
  missing: '+',
  differs: '~',
  foreign: '!',
  stale: '-',
};

/** What is asked for, what should be, what is, why and since when. */
export function explainText(document: ExplainDocument, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const { asked, state, problems, is, lease, kernel, objects, atMs } = document;
  const { symbol, colour } = SYMBOL[state];
  const rows = [
    ['is', is],
    ...(lease === undefined ? [] : leaseRows(lease, atMs)),
    ...(kernel === undefined ? [] : [['kernel', `to ${kernel.address}: ${answerWords(kernel.answer)}`]]),
    ...(kernel?.wanted === undefined ? [] : [['should', `follow ${kernel.wanted}`]]),
  ];
  const parts = [
    `${paint.bold(asked)}  ${paint[colour](`${symbol} ${state}`)}\n`,
    problems.map((problem) => `  ${paint[colour]('!')} ${printable(problem)}\n`).join(''),
    table(rows.map(([name = '', words = '']) => [paint.dim(name), printable(words)])),
    objects.length === 0 ? '' : `\n${paint.bold('objects')}\n`,
    ...objects.map((object) => objectText(object, { paint, atMs })),
  ];
  return parts.join('');
}

const leaseRows = (lease: ExplainedLease, atMs: number): readonly (readonly string[])[] => [
  ['lease', `${lease.role}, ${leaseWords(lease, atMs)}`],
  ...(lease.backendType === '' ? [] : [['backend', lease.backendType]]),
  ...(lease.origin === undefined ? [] : [['read from', lease.origin]]),
];

export function answerWords(answer: KernelAnswer): string {
  if (answer.state === 'no way') return `no way (${answer.refusal})`;
  const { dev, via, source, entry } = answer;
  const way = [
    entry.type === 'unicast' ? '' : entry.type,
    via === undefined ? '' : `via ${via}`,
    dev === undefined ? '' : `dev ${dev}`,
    source === undefined ? '' : `src ${source}`,
  ];
  const metric = entry.metric === 0 ? '' : `, metric ${entry.metric}`;
  return `${way.filter((word) => word !== '').join(' ')}, by ${entry.dst} (table ${entry.table}, proto ${entry.proto}${metric})`;
}

interface Look {
  readonly paint: Paint;
  readonly atMs: number;
}

function objectText({ key, state, desired, because, observed, since, drift }: ExplainedObject, { paint, atMs }: Look) {
  const colour = state === 'in place' ? 'green' : 'red';
  const told = state === 'differs' || state === 'foreign' ? `${observed}, should be ${desired}` : (desired ?? observed);
  const ago = (at: string): string => `${duration(Math.max(0, atMs - Date.parse(at)))} ago`;
  const written =
    since === undefined
      ? 'written before the history begins, or never'
      : `last written ${ago(since.at)} by ${since.by} (${since.at})`;
  const below = [
    ...(because === undefined ? [] : [`because: ${because}`]),
    written,
    ...(drift === undefined
      ? []
      : [`changed by others ${drift.times === 1 ? 'once' : `${drift.times} times; last`} ${ago(drift.last.at)}`]),
  ];
  const head = `  ${paint[colour](STATE_SYMBOL[state])} ${paint.bold(key)}  ${paint[colour](state)}  ${printable(told ?? '')}`;
  return `${[head.trimEnd(), ...below.map((line) => `      ${paint.dim(line)}`)].join('\n')}\n`;
}
