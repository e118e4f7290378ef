import type { Address, Prefix } from './ip.js';

/** The backends whose packets a cloud carries by routes of its own. */
export const CLOUDS = ['ali-vpc', 'aws-vpc', 'gce', 'tencent-vpc'] as const;
export type CloudName = (typeof CLOUDS)[number];

/** What a cloud says of this instance. Plain data without a secret: it can be saved and replayed. */
export interface CloudFacts {
  readonly cloud: CloudName;
  readonly region: string;
  readonly instance: string;
  readonly interfaces: readonly CloudInterface[];
  /** The route tables of the instance's networks. */
  readonly tables: readonly CloudTable[];
  /** What the credentials may not do, as far as the cloud tells without doing it: `ec2:CreateRoute`. */
  readonly denied: readonly string[];
}

export interface CloudInterface {
  /** The cloud's name of it. */
  readonly id: string;
  /** What a route of this cloud names in order to lead here. */
  readonly target: string;
  readonly addresses: readonly Address[];
  /** The virtual network that it is in. */
  readonly network: string;
  /** What that network uses itself: no route of ours may lie in there. Empty where the cloud does not tell. */
  readonly networkPrefixes: readonly Prefix[];
  /** The table in which packets of its subnet are looked up. */
  readonly table: string;
  /** Whether the cloud lets packets pass that are neither from nor for the instance itself. */
  readonly forwards: boolean;
}

export interface CloudTable {
  readonly id: string;
  readonly network: string;
  /** Routes in it. */
  readonly routes: number;
  /** How many it may hold: the cloud's answer, or what it gives who has not asked for more. Absent: not told. */
  readonly limit?: number;
}
