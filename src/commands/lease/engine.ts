/** What `flan lease …` runs on, imported lazily as src/commands/engine.ts is. */

export { chooseLease, holdsLease } from '../../leases/choose.js';
export { whatToPublish } from '../../reconcile/hold-lease.js';
export { survey } from '../../reconcile/survey.js';
export { listedRows } from '../../report/lease-rows.js';
export { leaseText } from '../../report/lease-text.js';
export { leasesText } from '../../report/leases-text.js';
export { openSession } from '../session.js';
export { withStore } from './with-store.js';
