import { describeStep, fieldChanges } from './changes.js';
import type { PlanDocument } from './document.js';
import { printable } from './printable.js';
import { summaryLine } from './text.js';

type Level = 'error' | 'warning' | 'notice';

/** More than this many of a level are not shown by GitHub, so the last one says how many are left. */
const MOST = 10;

/** A percent sign starts an escape in a workflow command; line ends would end it. */
const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** One line that a workflow run on GitHub shows as an annotation. */
export const annotation = (level: Level, title: string, message: string): string =>
  `::${level} title=${property(printable(title))}::${data(printable(message))}\n`;

const some = (level: Level, title: string, messages: readonly string[]): string => {
  const shown = messages.length > MOST ? messages.slice(0, MOST - 1) : messages;
  const more = messages.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].map((text) => annotation(level, title, text)).join('');
};

/** A plan as annotations: what fails as errors, what is taken away as warnings, the rest as a count. */
export function planAnnotations({ node, plan, quarantined, warnings, summary }: PlanDocument): string {
  const gone = plan.steps.filter(({ action }) => action === 'delete' || action === 'replace');
  return [
    some(
      'error',
      `${node}: conflict`,
      plan.conflicts.map(({ key, before, after, fields }) => `${key} ${fieldChanges(before, after, fields)}`),
    ),
    some(
      'error',
      `${node}: lease left out`,
      quarantined.map(({ entry, message }) => `${entry}: ${message}`),
    ),
    some(
      'warning',
      `${node}: deletes`,
      gone.map((step) => `${step.action} ${step.key} ${describeStep(step)} (${step.reason})`),
    ),
    some(
      'warning',
      `${node}: warning`,
      warnings.map(({ code, message }) => `${code}: ${message}`),
    ),
    annotation('notice', node, summaryLine(summary)),
  ].join('');
}
