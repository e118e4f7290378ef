import { connectionName, endsOf, type IpsecConnection } from '../../kinds/ipsec-connection.js';
import type { Prefix } from '../../model/ip.js';
import type { ViciClient } from './client.js';
import { listIn, sectionsIn, textIn, type ViciMessage } from './message.js';

/** How the tunnel to one peer does. */
export interface AssociationStatus {
  readonly subnet: Prefix;
  /** The peer's address, with its port where there is an SA. */
  readonly endpoint: string;
  /** `down`: there is no SA, and nobody is negotiating one. */
  readonly state: 'established' | 'connecting' | 'down';
  /** Milliseconds since 1970; of the IKE_SA. */
  readonly establishedMs?: number;
  /** Since the keys were last changed: charon counts for each CHILD_SA. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** CHILD_SAs that carry packets. */
const CARRYING: ReadonlySet<string> = new Set(['INSTALLED', 'REKEYING', 'REKEYED', 'UPDATING']);

/** All of flan's tunnels, in the order of their names. @throws {FlanError} E_CHARON */
export async function associationStatus(client: ViciClient, nowMs: number): Promise<readonly AssociationStatus[]> {
  const names = listIn(await client.request('get-conns'), 'conns');
  const found = sasByName(await client.list('list-sas', 'list-sa'));
  return [...names].sort().flatMap((name): AssociationStatus[] => {
    const ends = endsOf(name);
    if (ends?.mark !== 'flan') return [];
    return [statusOf({ subnet: ends.remoteSubnet, address: ends.remotePublicIp, sas: found.get(name) ?? [], nowMs })];
  });
}

interface StatusInput {
  readonly subnet: Prefix;
  readonly address: string;
  readonly sas: readonly ViciMessage[];
  readonly nowMs: number;
}

function statusOf({ subnet, address, sas, nowMs }: StatusInput): AssociationStatus {
  const children = sas.flatMap(childrenOf).filter(isCarrying);
  const established = sas.filter((sa) => textIn(sa, 'state') === 'ESTABLISHED');
  const [oldest] = established.map((sa) => Number(textIn(sa, 'established'))).sort((a, b) => b - a);
  const [sa] = established.length > 0 ? established : sas;
  const port = sa && (textIn(sa, 'remote-port') || '500');
  const sum = (name: string): number => children.reduce((total, child) => total + Number(textIn(child, name) || 0), 0);
  return {
    subnet,
    endpoint: port === undefined ? address : `${address}:${port}`,
    state: children.length > 0 ? 'established' : sas.length > 0 ? 'connecting' : 'down',
    ...(oldest !== undefined && { establishedMs: nowMs - oldest * 1000 }),
    receivedBytes: sum('bytes-in'),
    sentBytes: sum('bytes-out'),
  };
}

/** Those of the connections that have neither an SA nor a negotiation of one. @throws {FlanError} E_CHARON */
export async function withoutAssociation(
  client: ViciClient,
  connections: readonly IpsecConnection[],
): Promise<readonly IpsecConnection[]> {
  const found = sasByName(await client.list('list-sas', 'list-sa'));
  return connections.filter((connection) => {
    const sas = found.get(connectionName(connection)) ?? [];
    return !sas.some((sa) => textIn(sa, 'state') === 'CONNECTING' || childrenOf(sa).length > 0);
  });
}

function sasByName(events: readonly ViciMessage[]): ReadonlyMap<string, readonly ViciMessage[]> {
  const found = new Map<string, ViciMessage[]>();
  for (const [name, sa] of events.flatMap(sectionsIn)) {
    const list = found.get(name);
    if (list === undefined) found.set(name, [sa]);
    else list.push(sa);
  }
  return found;
}

const childrenOf = (sa: ViciMessage): readonly ViciMessage[] =>
  sectionsIn(sa)
    .filter(([name]) => name === 'child-sas')
    .flatMap(([, children]) => sectionsIn(children).map(([, child]) => child));

const isCarrying = (child: ViciMessage): boolean => CARRYING.has(textIn(child, 'state'));
