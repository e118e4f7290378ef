import type { BackendContext } from '../backends/backend.js';
import { type CloudOptions, placeOf } from '../backends/cloud.js';
import { backendOf } from '../backends/index.js';
import type { CloudDriver } from '../drivers/cloud/driver.js';
import type { LeaseStore } from '../leases/store.js';
import { CLOUDS } from '../model/cloud.js';
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
  readonly driver: CloudDriver;
  readonly session: Pick<Session, 'cloud'>;
}

/** What a cloud's backend adds to a session, after asking the cloud; undefined for all other backends. @throws {FlanError} E_CLOUD_… */
export async function openCloud(input: OpenCloudInput): Promise<OpenedCloud | undefined> {
  const { network, store, context, signal, onWait } = input;
  const cloud = CLOUDS.find((name) => name === network.backend.type.toLowerCase());
  if (cloud === undefined) return undefined;
  const options = backendOf(cloud).options(network.backend.options) as CloudOptions;
  const { cloudDriver, cloudEdge, openClient } = await import('../drivers/cloud/open.js');
  const client = openClient({ cloud, ...options });
  const ask = () => client.locate('probe', signal);
  const facts = await (onWait ? patiently(ask, { clock: systemClock, signal, onWait }) : ask());
  const driver = cloudDriver({
    ...{ client, edge: cloudEdge, facts, pollMs: options.pollMs },
    self: () => {
      const place = placeOf(context() as BackendContext<CloudOptions>);
      const { id = '', target = '' } = place?.interface ?? {};
      return { interface: id, target, tables: place?.tables ?? [] };
    },
    leased: async (asked) => (await store.list(asked)).leases.flatMap(subnetsOf),
  });
  return { driver, session: { cloud: () => driver.facts() } };
}
