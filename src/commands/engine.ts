/** What commands run on. They import this lazily, so that `version` and `--help` do not pay for it. */

export { systemClock } from '../reconcile/clock.js';
export { destroy, previewDestroy } from '../reconcile/destroy.js';
export { lockHost } from '../reconcile/lock.js';
export { preview } from '../reconcile/preview.js';
export { hostWarnings, lookAround, survey } from '../reconcile/survey.js';
export { watch } from '../reconcile/watch.js';
export { applyText } from '../report/apply-text.js';
export { factsText } from '../report/facts-text.js';
export { leaseRows } from '../report/lease-rows.js';
export { leasesText } from '../report/leases-text.js';
export { resourcesText } from '../report/resources-text.js';
export { changesText, planText, summaryLine } from '../report/text.js';
export { openPatiently, openSession } from './session.js';
