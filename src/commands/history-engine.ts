/** What `history` runs on, and what other commands write it with; imported when they run. */

export { historyPath, readHistory } from '../reconcile/history-file.js';
export { noteRun } from '../reconcile/history-run.js';
export { selectHistory } from '../report/history-select.js';
export { historyText } from '../report/history-text.js';
