import type { ExtensionPeer } from '../../kinds/extension-peer.js';
import { sameValue } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { type ExtensionEdge, isThere, mustRun, peerCall } from './extension-edge.js';
import type { PeerEntry } from './journal-entry.js';

type Making = Exclude<Step, { readonly action: 'delete' }>;

/** @throws {FlanError} E_EXTENSION and what the journal throws */
export async function makePeer(edge: ExtensionEdge, step: Making, signal: AbortSignal): Promise<void> {
  const after = step.after as ExtensionPeer;
  if (isOnlyToRecord(step)) return edge.journal.put(entryOf(edge, after));
  if (step.action === 'replace') {
    const before = step.before as ExtensionPeer;
    edge.journal.put(entryOf(edge, { ...before, state: 'unfinished' }));
    // One that fails has mostly nothing to remove any more; whether the peer can be reached, the next command decides.
    const command = before.remove;
    if (command !== undefined) await edge.run(peerCall({ name: 'remove', command, peer: before }), signal);
  }
  edge.journal.put(entryOf(edge, { ...after, state: 'unfinished' }));
  if (after.add !== undefined) await mustRun(edge, peerCall({ name: 'add', command: after.add, peer: after }), signal);
  edge.journal.put(entryOf(edge, after));
}

/** It is there as it should be: only the journal does not know, or how it is removed one day has changed. */
function isOnlyToRecord(step: Making): boolean {
  if (step.action !== 'update') return false;
  const { state } = step.before as ExtensionPeer;
  const words = state === 'unrecorded' ? ['state', 'remove'] : ['remove'];
  return step.fields.every((field) => words.includes(field));
}

function entryOf({ journal }: ExtensionEdge, resource: ExtensionPeer): PeerEntry {
  const { network } = resource;
  const startup = resource.afterStartup ? journal.startup(network) : undefined;
  return { type: 'peer', network, resource, startedBy: startup?.id ?? '' };
}

/** @throws {FlanError} E_EXTENSION and what the journal throws */
export async function removePeer(edge: ExtensionEdge, peer: ExtensionPeer, signal: AbortSignal): Promise<void> {
  const { commands } = edge;
  // The config's command where it belongs to the same extension: a wrong one may have been mended since.
  const isSame = sameValue(commands?.add, peer.add);
  const command = isSame ? (commands?.remove ?? peer.remove) : peer.remove;
  const check = isSame ? commands?.check : undefined;
  const isGone =
    check !== undefined && !(await isThere(edge, peerCall({ name: 'check', command: check, peer }), signal));
  if (command !== undefined && !isGone) await mustRun(edge, peerCall({ name: 'remove', command, peer }), signal);
  edge.journal.drop({ type: 'peer', network: peer.network, resource: peer, startedBy: '' });
}
