import type { Step } from '../planner/plan.js';
import { describeStep, fieldChanges, lineChanges } from './changes.js';
import type { PlanDocument } from './document.js';
import { byUrgency, type FleetDocument, fleetLine, type HostPlan, hasChanges } from './fleet.js';
import { READING_ORDER, VERBS } from './paint.js';
import { printable } from './printable.js';
import { headline, summaryLine } from './text.js';

/** GitHub takes comments of 65536 characters, GitLab more; what wraps the plan needs a little. */
const MOST_CHARACTERS = 60_000;
/** Longer lists are folded. */
const UNFOLDED_ROWS = 20;

/** Inside a code span nothing but the backtick and, in a table, the pipe means anything. */
const code = (text: string): string => `\`${printable(text).replaceAll('`', 'ˋ').replaceAll('|', '\\|')}\``;
/** Text that means nothing but itself: no markup, no HTML, no links, no mentions, no further cells. */
const cell = (text: string): string =>
  printable(text)
    .replace(/[\\`*~[\]<>|]/g, '\\$&')
    .replace(/(https?):|@(?=\w)/g, (match, scheme) => (scheme ? `${scheme}&#58;` : match.replace('@', '&#64;')));
/** The same inside HTML, where a backslash escapes nothing. */
const html = (text: string): string =>
  printable(text).replace(/[&<>@]/g, (character) => `&#${character.charCodeAt(0)};`);

const changeRow = (step: Step): string => {
  const words = [cell(describeStep(step)), ...lineChanges(step).map(code)].filter((text) => text !== '').join('<br>');
  return `| ${VERBS[step.action].symbol} ${step.action} | ${code(step.key)} | ${words} | ${cell(step.reason)} |`;
};

/** The rows that there is room for, and how many there is none for. */
function thatFit(rows: readonly string[], room: number): { readonly fit: readonly string[]; readonly more: number } {
  let left = room;
  const fit: string[] = [];
  for (const row of rows) {
    left -= row.length + 1;
    if (left < 0) break;
    fit.push(row);
  }
  return { fit, more: rows.length - fit.length };
}

const leftOver = (more: number): string =>
  more === 0 ? '' : `…and ${more} more, for which there is no room here: see the plan as text or JSON.`;

/** A comment fit for a pull request: the summary first, deletions on top, long lists folded, never too long to post. */
export const planMarkdown = (document: PlanDocument): string =>
  `${joined([`**${summaryLine(document.summary)}**`, ...planBlocks(document, MOST_CHARACTERS)])}\n`;

const joined = (blocks: readonly string[]): string => blocks.filter((block) => block !== '').join('\n\n');

function planBlocks(document: PlanDocument, room: number): string[] {
  const { plan, quarantined, warnings } = document;
  const list = (items: readonly string[]): string => {
    const { fit, more } = thatFit(items, room / 4);
    return [...fit, ...(more > 0 ? [`- ${leftOver(more)}`] : [])].join('\n');
  };
  const conflicts = list(
    plan.conflicts.map(
      ({ key, before, after, fields }) => `- ! conflict ${code(key)} ${cell(fieldChanges(before, after, fields))}`,
    ),
  );
  const refusals = list(quarantined.map(({ entry, message }) => `- left out ${code(entry)}: ${cell(message)}`));
  const doubts = list(warnings.map(({ code: name, message }) => `- warning ${code(name)}: ${cell(message)}`));
  const rows = READING_ORDER.flatMap((action) => plan.steps.filter((step) => step.action === action).map(changeRow));
  const { fit, more } = thatFit(rows, room - conflicts.length - refusals.length - doubts.length - 1000);
  const table = ['| | what | change | why |', '|---|---|---|---|', ...fit].join('\n');
  const folded =
    rows.length > UNFOLDED_ROWS
      ? `<details><summary>${rows.length} changes</summary>\n\n${table}\n\n</details>`
      : table;
  return [cell(headline(document)), conflicts, fit.length > 0 ? folded : '', leftOver(more), refusals, doubts];
}

/** The same for a fleet: a line per host, and under it what changes there, folded; the worst first. */
export function fleetMarkdown({ hosts, summary }: FleetDocument): string {
  const urgent = byUrgency(hosts);
  const changing = urgent.filter(({ document, error }) => error !== undefined || (document && hasChanges(document)));
  const { fit: rows, more } = thatFit(urgent.map(hostRow), MOST_CHARACTERS / 3);
  const blocks = [
    `**${cell(fleetLine(summary))}**`,
    [
      '| host | delete | replace | update | adopt | create | conflicts |',
      '|---|---|---|---|---|---|---|',
      ...rows,
    ].join('\n'),
    leftOver(more),
  ];
  // What one host does not use the next ones may.
  let room = (MOST_CHARACTERS * 2) / 3;
  for (const [i, host] of changing.entries()) {
    const block = hostBlock(host, room / (changing.length - i));
    if (block.length > room) {
      blocks.push(`…and ${changing.length - i} more hosts, for which there is no room here.`);
      break;
    }
    room -= block.length;
    blocks.push(block);
  }
  return `${joined(blocks)}\n`;
}

function hostRow({ node, document, error }: HostPlan): string {
  if (document === undefined) return `| ${cell(node)} | ${code(error?.code ?? '')} | | | | | |`;
  const { summary } = document;
  const counts = [summary.delete, summary.replace, summary.update, summary.adopt, summary.create, summary.conflicts];
  return `| ${[cell(node), ...counts.map((count) => (count === 0 ? '' : `${count}`))].join(' | ')} |`;
}

function hostBlock({ node, snapshot, taken_at, document, error }: HostPlan, room: number): string {
  const from = `From ${code(snapshot)}, taken ${cell(taken_at)}.`;
  if (document === undefined) return joined([`**${cell(node)}**: ${cell(error?.message ?? '')}`, from]);
  const title = `<details><summary>${html(`${node}: ${summaryLine(document.summary)}`)}</summary>`;
  return joined([title, from, ...planBlocks(document, room), '</details>']);
}
