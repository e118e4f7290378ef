import type { Step } from '../planner/plan.js';
import { describeStep, fieldChanges, lineChanges } from './changes.js';
import type { PlanDocument } from './document.js';
import { READING_ORDER, VERBS } from './paint.js';
import { printable } from './printable.js';
import { headline, summaryLine } from './text.js';

/** Inside a code span nothing but the backtick and, in a table, the pipe means anything. */
const code = (text: string): string => `\`${printable(text).replaceAll('`', 'ˋ').replaceAll('|', '\\|')}\``;
/** Text that means nothing but itself: no markup, no HTML, no links, no mentions, no further cells. */
const cell = (text: string): string =>
  printable(text)
    .replace(/[\\`*~[\]<>|]/g, '\\$&')
    .replace(/(https?):|@(?=\w)/g, (match, scheme) => (scheme ? `${scheme}&#58;` : match.replace('@', '&#64;')));

const changeRow = (step: Step): string => {
  const words = [cell(describeStep(step)), ...lineChanges(step).map(code)].filter((text) => text !== '').join('<br>');
  return `| ${VERBS[step.action].symbol} ${step.action} | ${code(step.key)} | ${words} | ${cell(step.reason)} |`;
};

/** A comment fit for a pull request: the summary first, deletions on top, long lists folded. */
export function planMarkdown(document: PlanDocument): string {
  const { plan, quarantined, warnings, summary } = document;
  const rows = READING_ORDER.flatMap((action) => plan.steps.filter((step) => step.action === action).map(changeRow));
  const table = ['| | what | change | why |', '|---|---|---|---|', ...rows].join('\n');
  const folded =
    rows.length > 20 ? `<details><summary>${rows.length} changes</summary>\n\n${table}\n\n</details>` : table;
  const blocks = [
    `**${summaryLine(summary)}**`,
    cell(headline(document)),
    plan.conflicts
      .map(({ key, before, after, fields }) => `- ! conflict ${code(key)} ${cell(fieldChanges(before, after, fields))}`)
      .join('\n'),
    rows.length > 0 ? folded : '',
    quarantined.map(({ entry, message }) => `- left out ${code(entry)}: ${cell(message)}`).join('\n'),
    warnings.map(({ code: name, message }) => `- warning ${code(name)}: ${cell(message)}`).join('\n'),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}
