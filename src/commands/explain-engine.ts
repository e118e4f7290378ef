import type { Settings } from '../config/settings.js';
import { kernelAnswer } from '../host/kernel-answer.js';
import { systemClock } from '../reconcile/clock.js';
import { addressToAsk, explain } from '../reconcile/explain.js';
import { subjectOf } from '../reconcile/explain-subject.js';
import { readHistory } from '../reconcile/history-file.js';
import { preview } from '../reconcile/preview.js';
import type { ExplainDocument } from '../report/explain-document.js';
import type { HistoryEntry } from '../report/history-entry.js';
import { openSession } from './session.js';

export { explainText } from '../report/explain-text.js';

export interface ExplainWith {
  readonly settings: Settings;
  readonly asked: string;
  readonly signal: AbortSignal;
}

/** Looks at everything that an explanation is made of. @throws {FlanError} */
export async function explainWith({ settings, asked, signal }: ExplainWith): Promise<ExplainDocument> {
  const session = await openSession(settings, signal);
  try {
    const seen = await preview({ session, adopt: 'no', signal });
    const subject = subjectOf(asked, seen);
    const address = addressToAsk(subject);
    const lease = subject.type === 'object' ? undefined : subject.lease;
    return explain({
      ...{ asked, subject, seen, kinds: session.kinds },
      history: pastOf(settings),
      answer: address && kernelAnswer(address, settings),
      expiresAtMs: lease && (await session.store.expiry?.(lease, signal)),
      nowMs: systemClock.wallMs(),
    });
  } finally {
    await session.close();
  }
}

/** A history that may not be read says nothing; `flan history` says why. */
function pastOf(settings: Settings): readonly HistoryEntry[] {
  try {
    return readHistory(settings);
  } catch {
    return [];
  }
}
