/** What `apply` guards its changes with; loaded when it runs. */

export { approvePlan } from './approve-risk.js';
export { withRisks } from './contacts.js';
export { progressOn } from './progress.js';
export { exitOf, safetyDocument, safetyLines } from './result.js';
export { applySafely, inPart, lockFor, refuseRisks, waitForConfirmation } from './safely.js';
export { applyStream } from './stream.js';
