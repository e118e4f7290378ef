import type { Outcome } from '../../drivers/driver.js';
import type { SafeApplyReport } from '../../reconcile/confirm-apply.js';
import { applyEvents } from '../../report/apply-events.js';
import type { PlanDocument } from '../../report/document.js';
import { ndjson, planEvents, type StreamEvent, versionEvent } from '../../report/ndjson.js';
import { safetyDocument } from './result.js';

export interface ApplyStream {
  /** What is about to be done; without a start when it is not. */
  plan(document: PlanDocument, next: 'starts' | 'ends'): void;
  readonly onProgress: (outcomes: readonly Outcome[], of: number) => void;
  result(report: SafeApplyReport): void;
}

/** An apply as lines of JSON, each written when it happens and with totals. */
export function applyStream(write: (text: string) => void): ApplyStream {
  const tell = (...events: readonly StreamEvent[]): void => write(ndjson(events));
  let node = '';
  let done = 0;
  let failed = 0;
  tell(versionEvent());
  return {
    plan(document, next) {
      ({ node } = document);
      tell(...planEvents(document));
      if (next === 'starts') tell({ type: 'apply_start', node, of: document.plan.steps.length });
    },
    onProgress(outcomes, of) {
      tell(...applyEvents(outcomes, { node, done, failed, of }));
      const bad = outcomes.filter(({ status }) => status !== 'done').length;
      failed += bad;
      done += outcomes.length - bad;
    },
    result(report) {
      const { left } = report;
      const verified = left.length === 0 && failed === 0;
      tell({ type: 'apply_result', node, verified, done, failed, left, ...safetyDocument(report) });
    },
  };
}
