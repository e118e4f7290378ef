import type { CloudForwarding } from '../../kinds/cloud-forwarding.js';
import type { CloudEntry } from '../../kinds/cloud-route.js';
import type { CloudFacts } from '../../model/cloud.js';
import type { Prefix } from '../../model/ip.js';

/** One cloud, as far as routes go. All throw a FlanError with an E_CLOUD_ code, and the signal's reason. */
export interface CloudClient {
  /** Asks the instance's metadata service and the API. `probe`: also tries out what the credentials may do, if it costs nothing. */
  locate(how: 'locate' | 'probe', signal: AbortSignal): Promise<CloudFacts>;
  /** The routes of some tables whose destination lies inside one of the networks. */
  routes(query: RouteQuery, signal: AbortSignal): Promise<readonly CloudEntry[]>;
  /**
   * Makes the target the only one that packets for the destination go to, without a moment in which there is none.
   * What stands there is given, read a moment ago.
   */
  put(input: PutRoute, signal: AbortSignal): Promise<void>;
  /** Removes routes; those that are gone already count as removed. */
  remove(entries: readonly CloudEntry[], signal: AbortSignal): Promise<void>;
  /** Lets an interface carry packets of others, or no more; absent where a cloud cannot be told. */
  setForwarding?(at: CloudForwarding, signal: AbortSignal): Promise<void>;
}

export interface RouteQuery {
  readonly tables: readonly string[];
  readonly networks: readonly Prefix[];
}

export interface PutRoute {
  readonly table: string;
  readonly dst: Prefix;
  readonly target: string;
  readonly standing: readonly CloudEntry[];
}

/** What a client needs of the world. */
export interface CloudEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The home directory of who runs this; undefined when there is none. */
  readonly home: string | undefined;
  /** @returns undefined when there is no such file @throws {FlanError} E_PERMISSION, E_FILE */
  readText(path: string): string | undefined;
  /** Goes on evenly whatever is done to the clock: for pauses and deadlines. */
  nowMs(): number;
  /** Since 1970, as the clock of this host has it: for signatures, and for when credentials end. */
  wallMs(): number;
  random(): number;
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}
