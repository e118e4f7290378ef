/** What `adopt` and `prune` run on, loaded inside `run()`. */

export { takesOver } from '../reconcile/adopt.js';
export { Checkpoints, placeOf } from '../reconcile/checkpoint.js';
export { systemClock } from '../reconcile/clock.js';
export { refuseWhileWaiting } from '../reconcile/confirm.js';
export { applyPart, type Part, type PartInput, previewPart } from '../reconcile/part.js';
export { isMassPrune, prunes, withOldNetworks } from '../reconcile/prune.js';
export { refuseProtected } from '../reconcile/risk.js';
export type { Session } from '../reconcile/session.js';
export { applyText } from '../report/apply-text.js';
export { summarise } from '../report/document.js';
export { partText } from '../report/part-text.js';
export { openSession } from './session.js';
