import type { Scope } from '../drivers/driver.js';
import { asFlanError, FlanError } from '../errors.js';
import type { Selection } from '../host/external.js';
import { onLinkPrefixes } from '../host/usable.js';
import type { LeaseListing } from '../leases/store.js';
import type { CloudFacts } from '../model/cloud.js';
import type { HostFacts, Identity, RouteLookup } from '../model/facts.js';
import { type Address, contains, familyOf, lengthOf } from '../model/ip.js';
import { isJsonObject } from '../model/json.js';
import type { Lease } from '../model/lease.js';
import type { Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Key, Kinds, Resource } from '../planner/kind.js';
import type { Document } from '../report/document.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import { conclude, type Prepared, type Preview, prepare } from './compute.js';
import type { Options } from './inputs.js';
import { networkWithoutSecrets, resourceWithoutSecrets, resourceWithSecrets } from './network-without-secrets.js';
import type { Session } from './session.js';
import { surveyOf } from './survey.js';

/** A host as one look found it: all that a plan for it follows from, without a secret in it. */
export interface Snapshot extends Document<'flan.snapshot'> {
  readonly flan: string;
  readonly created_at: string;
  readonly identity: Identity;
  readonly facts: HostFacts;
  /** Which way the kernel sends to the addresses that the backend asked about; null: nowhere. */
  readonly lookups: Readonly<Record<string, RouteLookup | null>>;
  /** What subnet.env said. */
  readonly previous: PreviousEnv;
  readonly public_key?: string;
  readonly startup_output?: string;
  /** What the cloud said of this instance. */
  readonly cloud?: CloudFacts;
  /** The settings that choose the interface; expressions as their source. */
  readonly selection: Omit<Selection, 'ifaceRegex'> & {
    readonly ifaceRegex: readonly { source: string; flags: string }[];
  };
  readonly options: Options;
  readonly adopt: 'yes' | 'no';
  readonly warnings: readonly Warning[];
  readonly store: string;
  /** Secret options stand as images of themselves. */
  readonly network: Network;
  readonly leases: readonly Lease[];
  readonly rejected: readonly { entry: string; code: string; message: string; where?: string; hint?: string }[];
  /** What is ours, and what stands or could come to stand where ours belongs. */
  readonly observed: readonly Resource[];
  readonly foreign: Readonly<Record<string, number>>;
}

/** Where other leases, or another backend, might want something of ours: routes of the overlay, flannel's devices. */
const NEAR = /^(?:route|neighbour|fdb|address|rule)\/|^link\/flannel/;

/** A scope in which foreign objects are reported wherever ours could stand. */
export const widened = (scope: Scope): Scope => ({
  ...scope,
  wants: (key) => scope.wants(key) || (NEAR.test(key) && !key.startsWith('link/flannel-wg')),
});

export interface SnapshotInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly nowMs: number;
  readonly signal: AbortSignal;
  /** What else the plan of this host warns of. */
  readonly groundwork?: (prepared: Prepared) => readonly Warning[];
}

/** Looks at the host and the leases; changes nothing. @throws {FlanError} as a plan would */
export async function takeSnapshot({ session, adopt, nowMs, signal, groundwork }: SnapshotInput): Promise<Snapshot> {
  const { kinds, store, drivers, network, selection, identity, options } = session;
  const lookups: Record<string, RouteLookup | null> = {};
  const [facts, previous] = [session.facts(), session.previous()];
  const [publicKey, startupOutput, cloud] = [session.publicKey?.(), session.startupOutput?.(), session.cloud?.()];
  const lookup = (address: Address): RouteLookup | undefined => {
    if (lookups[address] === undefined) lookups[address] = session.lookup(address) ?? null;
    return lookups[address] ?? undefined;
  };
  const survey = surveyOf({ ...session, facts, previous, lookup, publicKey, startupOutput, cloud });
  const listing = await store.list(signal);
  const prepared = prepare({ survey, listing, kinds });
  const { scope } = prepared;
  const { observed, foreign } = await drivers.observe(widened(scope), kinds, signal);
  const warnings = [...session.warnings, ...(groundwork?.(prepared) ?? [])];
  const redacted = resourceWithoutSecrets(network);
  return {
    ...{ format_version: FORMAT_VERSION, kind: 'flan.snapshot', flan: VERSION },
    created_at: new Date(nowMs).toISOString(),
    ...{ identity, facts, lookups, previous },
    ...(publicKey !== undefined && { public_key: publicKey }),
    ...(startupOutput !== undefined && { startup_output: startupOutput }),
    ...(cloud !== undefined && { cloud }),
    selection: { ...selection, ifaceRegex: selection.ifaceRegex.map(({ source, flags }) => ({ source, flags })) },
    ...{ options, adopt, warnings, store: store.name, network: networkWithoutSecrets(network) },
    leases: listing.leases,
    rejected: listing.rejected.map(({ entry, error }) => told(entry, error)),
    observed: [...observed.values()].map(redacted),
    foreign,
  };
}

const told = (entry: string, { code, message, where, hint }: FlanError): Snapshot['rejected'][number] => ({
  ...{ entry, code, message },
  ...(where !== undefined && { where }),
  ...(hint !== undefined && { hint }),
});

/** The network and the leases of another moment, or of another version of the files. */
export interface OtherLeases {
  readonly network: Network;
  readonly listing: LeaseListing;
  readonly store: string;
}

export interface PlanSnapshotInput {
  readonly snapshot: Snapshot;
  readonly kinds: Kinds;
  /** Absent: those in the snapshot. */
  readonly leases?: OtherLeases | undefined;
}

/** The plan that the host of a snapshot would make, computed from values alone. @throws {FlanError} as a plan would */
export function planSnapshot({ snapshot, kinds, leases }: PlanSnapshotInput): Preview {
  const { facts, previous, identity, options, adopt, foreign, lookups } = snapshot;
  const known = snapshot.observed.filter((resource) => isKnown(resource, kinds));
  const warnings = [...snapshot.warnings, ...unknownKinds(snapshot.observed, kinds)];
  const { selection, public_key: publicKey, startup_output: startupOutput, cloud } = snapshot;
  const survey = surveyOf({
    ...{ facts, previous, identity, options, warnings, publicKey, startupOutput, cloud },
    network: leases?.network ?? snapshot.network,
    selection: { ...selection, ifaceRegex: selection.ifaceRegex.map(({ source, flags }) => new RegExp(source, flags)) },
    lookup: (address) => (address in lookups ? (lookups[address] ?? undefined) : likelyWay(facts, address)),
  });
  const prepared = prepare({ survey, listing: leases?.listing ?? listingOf(snapshot), kinds });
  // The snapshot names images of secrets; a network that is read again has the secrets themselves.
  const resources = leases ? known.map(resourceWithSecrets(leases.network)) : known;
  const observed = new Map<Key, Resource>(resources.map((resource) => [kinds.key(resource), resource]));
  return conclude({ prepared, world: { observed, foreign }, kinds, adopt, store: leases?.store ?? snapshot.store });
}

/** A later minor version may observe more than this one knows: that is passed over. */
function unknownKinds(observed: readonly Resource[], kinds: Kinds): readonly Warning[] {
  const unknown = [...new Set(observed.filter((one) => !isKnown(one, kinds)).map(({ kind }) => kind))];
  if (unknown.length === 0) return [];
  const message = `the snapshot holds objects that this version of flan does not know and leaves out: ${unknown.join(', ')}`;
  return [{ code: 'W_UNKNOWN_KIND', message, hint: 'Plan with the version of flan that took the snapshot.' }];
}

function isKnown(resource: Resource, kinds: Kinds): boolean {
  try {
    kinds.of(resource);
    return true;
  } catch {
    return false;
  }
}

const listingOf = ({ leases, rejected }: Snapshot): LeaseListing => ({
  leases,
  rejected: rejected.map(({ entry, code, message, ...rest }) => ({
    entry,
    error: new FlanError(code as FlanError['code'], message, rest),
  })),
});

/** The way to an address that nobody asked the kernel about: over the subnet it lies in, or by the default route. */
function likelyWay({ links, defaultRoutes }: HostFacts, address: Address): RouteLookup | undefined {
  const family = familyOf(address);
  const [near] = links
    .filter(({ up }) => up)
    .flatMap((link) => onLinkPrefixes(link, family).map((prefix) => ({ dev: link.name, prefix })))
    .filter(({ prefix }) => contains(prefix, address))
    .toSorted((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix));
  if (near !== undefined) return { dev: near.dev };
  const [way] = defaultRoutes.filter((route) => route.family === family).toSorted((a, b) => a.metric - b.metric);
  return way === undefined ? undefined : { dev: way.dev, ...(way.via && { via: way.via }) };
}

/** Reads what `flan snapshot` wrote. @throws {FlanError} E_DATA */
export function decodeSnapshot(text: string, where: string): Snapshot {
  const bad = (what: string, cause?: unknown): FlanError =>
    new FlanError('E_DATA', `${where} is no snapshot that can be used: ${what}`, {
      where,
      hint: 'Take a new one on the host with `flan snapshot --out FILE`.',
      cause,
    });
  let value: Partial<Snapshot> | null;
  try {
    value = JSON.parse(text) as Partial<Snapshot> | null;
  } catch (cause) {
    throw bad(`it is not JSON: ${asFlanError(cause).message}`, cause);
  }
  if (value?.kind !== 'flan.snapshot') throw bad('it was not written by `flan snapshot`');
  if (!/^1\.\d+$/.test(value.format_version ?? '')) throw bad(`its format is ${JSON.stringify(value.format_version)}`);
  const isObject = (part: unknown): boolean => typeof part === 'object' && part !== null;
  const missing = [...MEMBERS.objects, ...MEMBERS.lists].find((name) =>
    MEMBERS.lists.includes(name) ? !Array.isArray(value[name]) : !isObject(value[name]),
  );
  if (missing !== undefined) throw bad(`its ${missing} is missing or damaged`);
  const isResource = (one: unknown): boolean => isJsonObject(one) && typeof one.kind === 'string';
  if (!(value.observed ?? []).every(isResource)) throw bad('its observed is missing or damaged');
  return value as Snapshot;
}

const MEMBERS: Readonly<Record<'objects' | 'lists', readonly (keyof Snapshot)[]>> = {
  objects: ['identity', 'facts', 'lookups', 'previous', 'selection', 'options', 'network', 'foreign'],
  lists: ['warnings', 'leases', 'rejected', 'observed'],
};
