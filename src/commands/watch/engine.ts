/** What `watch` runs on, imported when it runs. */

export { systemClock } from '../../reconcile/clock.js';
export { watchLog } from '../../telemetry/log.js';
export { hangUps } from './hang-ups.js';
export { runWatch } from './runs.js';
export { openTelemetry } from './telemetry.js';
export { liveUi } from './ui.js';
