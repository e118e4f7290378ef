import type { Checkpoint } from '../../reconcile/checkpoint.js';

/** What of a checkpoint is for others to read. */
export const summaryOf = ({ id, node, createdAtMs, state, why, deadlineMs, owner }: Checkpoint) => ({
  ...{ id, node, createdAt: new Date(createdAtMs).toISOString(), state, why },
  ...(deadlineMs !== undefined && { deadline: new Date(deadlineMs).toISOString() }),
  ...(owner && { owner }),
});
