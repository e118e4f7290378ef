import type { Diagnosis, Examined } from '../doctor/diagnose.js';
import type { Finding } from '../doctor/finding.js';
import { type Paint, plain } from './paint.js';
import { guarded, printable } from './printable.js';
import { table } from './table.js';

export interface DoctorView extends Diagnosis {
  readonly node: string;
  /** The store's name. */
  readonly store: string;
}

export const countOf = ({ findings }: Diagnosis, severity: Finding['severity']): number =>
  findings.filter((finding) => finding.severity === severity).length;

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** What was looked at, then what is wrong and what to do about it: the last lines are what matters. */
export function doctorText(view: DoctorView, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const { node, store, examined, findings } = view;
  const sections = findings.map(({ code, severity, what, fix }) => {
    const word = severity === 'error' ? paint.red('✕ error  ') : paint.yellow('! warning');
    return `  ${word} ${paint.bold(code)}  ${printable(what)}\n            ${paint.dim(`fix: ${fix}`)}\n`;
  });
  const uncertain = examined.filter(({ judgement }) => judgement.state === 'unknown').length;
  const counts = [plural(countOf(view, 'error'), 'error'), plural(countOf(view, 'warning'), 'warning')].join(', ');
  const open = uncertain === 0 ? '' : `; ${uncertain} of ${plural(examined.length, 'check')} could not tell`;
  const verdict = findings.length === 0 ? paint.green('Nothing is wrong') : `${counts}`;
  return [
    `${paint.bold(node)} · ${printable(store)}\n`,
    table(examined.map((one) => row(one, paint))),
    ...(sections.length === 0 ? [] : [sections.join('')]),
    `${verdict}${open}.\n`,
  ].join('\n');
}

function row({ check, judgement }: Examined, paint: Paint): readonly string[] {
  switch (judgement.state) {
    case 'well':
      return [paint.green('✓'), check, printable(judgement.what)];
    case 'unknown':
      return [paint.dim('?'), check, paint.dim(judgement.why)];
    case 'found': {
      const isError = judgement.findings.some(({ severity }) => severity === 'error');
      const codes = [...new Set(judgement.findings.map(({ code }) => code))].join(', ');
      return [isError ? paint.red('✕') : paint.yellow('!'), check, codes];
    }
  }
}
