/** What the history tells of. */
export const HISTORY_KINDS = ['apply', 'drift', 'repair', 'fight', 'failure'] as const;
export type HistoryKind = (typeof HISTORY_KINDS)[number];
