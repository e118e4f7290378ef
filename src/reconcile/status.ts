import type { Prefix } from '../model/ip.js';
import { judge, type StatusDocument } from '../report/status-document.js';
import { FORMAT_VERSION } from '../version.js';
import { type Checkpoint, Checkpoints, placeAt } from './checkpoint.js';
import { type HistoryPlace, readHistory } from './history-file.js';
import { readHold } from './rollback-hold.js';
import { readStatusFiles } from './status-file.js';
import { lockState } from './status-lock.js';
import type { Looked } from './status-look.js';
import { readTunnels } from './status-tunnels.js';

export interface StatusInput {
  /** Where the processes of this node keep what they tell each other. */
  readonly place: HistoryPlace & { readonly runtimeDir: string };
  readonly node: string;
  readonly looked: Looked;
  readonly nowMs: number;
}

/** How this node does: what a running `watch` says, a look of our own, and what is written down. */
export async function statusDocument({ place, node, looked, nowMs }: StatusInput): Promise<StatusDocument> {
  const { look } = looked;
  const watch = watchOf(place, look.state === 'taken' ? look.networks : undefined);
  const networks = look.state === 'taken' ? look.networks : watch?.run?.about.networks;
  const lastApply = lastApplyOf(place);
  const known = { atMs: nowMs, look, ...(watch && { watch }), ...waitingAt(place, networks) };
  return {
    format_version: FORMAT_VERSION,
    kind: 'flan.status',
    ...judge(known),
    ...known,
    node: watch?.run?.about.node ?? node,
    ...(networks !== undefined && { lock: lockState({ ...place, networks: networks as readonly Prefix[] }) }),
    ...(lastApply && { lastApply }),
    tunnels: await readTunnels({ ...place, ...looked.tunnels }),
  };
}

/** What waits to be confirmed, and what is held back since it was rolled back. Only root can read of it. */
function waitingAt(
  { runtimeDir, netns }: StatusInput['place'],
  networks: readonly string[] | undefined,
): Pick<StatusDocument, 'pending' | 'onHold'> {
  if (networks === undefined) return {};
  const place = placeAt({ netns, networks });
  const waiting = new Checkpoints(runtimeDir).waiting(place).at(-1);
  const hold = readHold({ runtimeDir, place });
  return {
    ...(waiting && { pending: pendingOf(waiting) }),
    ...(hold && {
      onHold: { id: hold.checkpoint, sinceMs: hold.sinceMs, objects: Object.keys(hold.keys).length },
    }),
  };
}

const pendingOf = ({ id, state, deadlineMs }: Checkpoint) => ({
  ...{ id, state },
  ...(deadlineMs !== undefined && { deadlineMs }),
});

/** The daemon that serves these networks; of several, when the networks are not known, the first. */
function watchOf(place: StatusInput['place'], networks: readonly string[] | undefined): StatusDocument['watch'] {
  const found = readStatusFiles(place).find(({ status }) => {
    const served = status.run?.about.networks;
    return networks === undefined || served === undefined || served.join() === networks.join();
  });
  return found && { ...found.status, aliveAtMs: found.aliveMs };
}

function lastApplyOf(place: HistoryPlace): StatusDocument['lastApply'] {
  try {
    const last = readHistory(place).findLast(({ kind }) => kind === 'apply');
    if (last?.kind !== 'apply') return undefined;
    const { others: _, ...listed } = last;
    return listed;
  } catch {
    return undefined; // A history that may not be read says nothing; `flan history` says why.
  }
}
