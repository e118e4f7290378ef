import type { BackendContext } from '../backends/backend.js';
import { type CloudOptions, placeOf } from '../backends/cloud.js';
import { backendOf } from '../backends/index.js';
import type { CloudDriver } from '../drivers/cloud/driver.js';
import { FlanError } from '../errors.js';
import type { LeaseStore } from '../leases/store.js';
import { CLOUDS, type CloudFacts } from '../model/cloud.js';
import { subnetsOf } from '../model/lease.js';
import type { Network } from '../model/network.js';
import { systemClock } from '../reconcile/clock.js';
import { type Patience, patiently } from '../reconcile/patience.js';
import type { Session } from '../reconcile/session.js';

export interface OpenCloudInput {
  readonly network: Network;
  readonly store: LeaseStore;
  /** What is known of this node before it holds a lease. */
  readonly context: () => BackendContext;
  readonly signal: AbortSignal;
  /** A daemon waits for a cloud that does not answer yet. */
  readonly onWait?: Patience['onWait'] | undefined;
}

export interface OpenedCloud {
  /** Absent when the cloud could not be asked. */
  readonly driver?: CloudDriver;
  readonly session: Pick<Session, 'cloud'>;
}

/** What a cloud's backend adds to a session, after asking the cloud; undefined for all other backends. @throws {FlanError} E_CLOUD_… when it waits for the cloud */
export async function openCloud(input: OpenCloudInput): Promise<OpenedCloud | undefined> {
  const { network, store, context, signal, onWait } = input;
  const cloud = CLOUDS.find((name) => name === network.backend.type.toLowerCase());
  if (cloud === undefined) return undefined;
  const options = backendOf(cloud).options(network.backend.options) as CloudOptions;
  const { cloudDriver, cloudEdge, openClient } = await import('../drivers/cloud/open.js');
  const client = openClient({ cloud, ...options });
  const ask = () => client.locate('probe', signal);
  let facts: CloudFacts;
  try {
    facts = await (onWait ? patiently(ask, { clock: systemClock, signal, onWait }) : ask());
  } catch (error) {
    if (onWait !== undefined || signal.aborted || !(error instanceof FlanError)) throw error;
    // Who only wants the leases has no need of the cloud; all others are told when they ask.
    return { session: { cloud: () => raise(error) } };
  }
  const driver = cloudDriver({
    ...{ client, edge: cloudEdge, facts, pollMs: options.pollMs },
    self: () => {
      const place = placeOf(context() as BackendContext<CloudOptions>);
      const { id = '', target = '' } = place?.interface ?? {};
      return { interface: id, target, tables: place?.tables ?? [] };
    },
    network: network.ipv4?.network,
    leased: async (asked) => (await store.list(asked)).leases.flatMap(subnetsOf),
  });
  return { driver, session: { cloud: () => driver.facts() } };
}

function raise(error: FlanError): never {
  throw error;
}
