import type { Settings } from '../config/settings.js';
import { kinds } from '../kinds/index.js';
import { driftOf } from '../reconcile/drift.js';
import { readHistory } from '../reconcile/history-file.js';
import { narrowed } from '../reconcile/narrow.js';
import type { Preview } from '../reconcile/preview.js';

/** No key is empty: what nothing is asked of. */
const NOTHING = '';

/**
 * The part of a plan that undoes what others did, with how that is known under each change.
 * @throws {FlanError} E_PERMISSION, E_FILE when the history cannot be read
 */
export function driftOnly(preview: Preview, settings: Settings): Preview {
  const drift = driftOf({ steps: preview.plan.steps, history: readHistory(settings), kinds });
  const patterns = drift.size === 0 ? [NOTHING] : [...drift.keys()];
  const part = narrowed(preview, { target: patterns.map((pattern) => ({ by: 'address', pattern })), exclude: [] });
  const steps = part.plan.steps.map((step) => {
    const why = drift.get(step.key);
    return why === undefined ? step : { ...step, reason: `${step.reason}; ${why}` };
  });
  const plan = { ...part.plan, steps };
  return { ...part, plan, document: { ...part.document, plan } };
}
