import { type ExtensionPeer, extensionPeerKind } from '../../kinds/extension-peer.js';
import { type ExtensionStartup, extensionStartupKind } from '../../kinds/extension-startup.js';
import type { Resource } from '../../planner/kind.js';
import type { Observation, Scope } from '../driver.js';
import { type ExtensionEdge, isThere, peerCall } from './extension-edge.js';
import type { JournalEntry, PeerEntry, StartupEntry } from './journal-entry.js';
import { preparedOf, startupStands } from './startup.js';

/** Check commands at a time: each is a process. */
const AT_ONCE = 4;

/**
 * What the journal tells, as far as what it builds on stands; with a check command, what is there.
 * @throws {FlanError} E_EXTENSION where a check gives no answer
 */
export async function observeExtension(edge: ExtensionEdge, scope: Scope, signal: AbortSignal): Promise<Observation> {
  const entries = edge.journal.read();
  const startups = new Map<string, StartupEntry & { readonly stands: boolean }>();
  for (const entry of entries) {
    if (entry.type !== 'startup') continue;
    startups.set(entry.network, { ...entry, stands: await stands(edge, { entry, entries, scope }, signal) });
  }
  const recorded = entries
    .filter((entry): entry is PeerEntry => entry.type === 'peer')
    .map((entry) => peerOf(entry, { startup: startups.get(entry.network), scope }));
  const peers = edge.commands?.check === undefined ? recorded : await checked(edge, { recorded, scope }, signal);
  const starts = [...startups.values()].map(({ resource, stands }): ExtensionStartup => {
    const isKnown = resource.state === 'unfinished' || stands;
    return isKnown ? resource : { ...resource, state: 'in doubt' };
  });
  return sorted([...starts, ...peers], scope);
}

interface StandsInput {
  readonly entry: StartupEntry;
  readonly entries: readonly JournalEntry[];
  readonly scope: Scope;
}

async function stands(
  edge: ExtensionEdge,
  { entry, entries, scope }: StandsInput,
  signal: AbortSignal,
): Promise<boolean> {
  const { resource, network, preparedBy } = entry;
  if (resource.state !== 'applied') return false;
  if (!scope.wants(extensionStartupKind.key(resource))) return true;
  if (edge.commands?.pre !== undefined && preparedOf(edge, { entries, network })?.id !== preparedBy) return false;
  return startupStands(edge, entry, signal);
}

interface PeerContext {
  readonly startup: (StartupEntry & { readonly stands: boolean }) | undefined;
  readonly scope: Scope;
}

/** A peer that was added on top of a start-up which is gone, or was done again, may be gone with it. */
function peerOf({ resource, network, startedBy }: PeerEntry, { startup, scope }: PeerContext): ExtensionPeer {
  const isBased = scope.named.some(
    (one) => one.kind === 'extension-startup' && (one as ExtensionStartup).network === network,
  );
  if (resource.state !== 'applied' || !isBased || (startup?.stands === true && startup.id === startedBy))
    return resource;
  return { ...resource, state: 'in doubt' };
}

interface CheckInput {
  readonly recorded: readonly ExtensionPeer[];
  readonly scope: Scope;
}

async function checked(
  edge: ExtensionEdge,
  { recorded, scope }: CheckInput,
  signal: AbortSignal,
): Promise<ExtensionPeer[]> {
  const key = (peer: ExtensionPeer): string => extensionPeerKind.key(peer);
  const known = new Map(recorded.map((peer) => [key(peer), peer]));
  const wanted = scope.named.filter((one): one is ExtensionPeer => one.kind === 'extension-peer');
  const isWanted = new Set(wanted.map(key));
  const seen = await inTurns(wanted, async (peer): Promise<ExtensionPeer | undefined> => {
    const record = known.get(key(peer));
    // Its command runs again whatever is there.
    if (record !== undefined && record.state !== 'applied') return record;
    const command = edge.commands?.check;
    const call = command && peerCall({ name: 'check', command, peer: record ?? peer });
    if (call === undefined || !(await isThere(edge, call, signal))) return undefined;
    return record ?? { ...peer, state: 'unrecorded' };
  });
  return [...recorded.filter((peer) => !isWanted.has(key(peer))), ...seen.filter((peer) => peer !== undefined)];
}

/** Results in the order of the inputs. */
async function inTurns<T, R>(inputs: readonly T[], work: (input: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const next = inputs.entries();
  const worker = async (): Promise<void> => {
    for (const [i, input] of next) results[i] = await work(input);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Ours, and what stands where ours should; the work of another flan on this host is only counted. */
function sorted(all: readonly (ExtensionStartup | ExtensionPeer)[], { ownership, wants }: Scope): Observation {
  const resources: Resource[] = [];
  const foreign: Record<string, number> = {};
  for (const one of all) {
    const isOurs = ownership.networks.includes(one.network);
    const key = one.kind === 'extension-peer' ? extensionPeerKind.key(one) : extensionStartupKind.key(one);
    if (isOurs) resources.unshift(one);
    else if (wants(key)) resources.push(one);
    if (!isOurs) foreign[one.kind] = (foreign[one.kind] ?? 0) + 1;
  }
  return { resources, foreign };
}
