import { FlanError } from '../../errors.js';
import { endpointText, presharedKeyName } from '../../kinds/wireguard-peer.js';
import { type Prefix, tryAddress, tryPrefix } from '../../model/ip.js';
import type { Endpoint, PeerChange, PeerState, WireguardChange, WireguardState } from './transport.js';

/** The text that user-space WireGuard speaks on its socket. @see https://www.wireguard.com/xplatform/ */

export const GET = 'get=1\n\n';

const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const fromHex = (text: string): Uint8Array => Buffer.from(text, 'hex');
const base64ToHex = (text: string): string => Buffer.from(text, 'base64').toString('hex');
const hexToBase64 = (text: string): string => Buffer.from(text, 'hex').toString('base64');

export function setText({ privateKey, listenPort, firewallMark, peers = [] }: WireguardChange): string {
  const lines = [
    'set=1',
    ...(privateKey ? [`private_key=${hex(privateKey)}`] : []),
    ...(listenPort === undefined ? [] : [`listen_port=${listenPort}`]),
    ...(firewallMark === undefined ? [] : [`fwmark=${firewallMark}`]),
    ...peers.flatMap(peerLines),
  ];
  return `${lines.join('\n')}\n\n`;
}

const peerLines = ({
  publicKey,
  remove,
  presharedKey,
  endpoint,
  keepaliveSeconds,
  allowedIps,
}: PeerChange): string[] => [
  `public_key=${base64ToHex(publicKey)}`,
  ...(remove ? ['remove=true'] : []),
  ...(presharedKey ? [`preshared_key=${hex(presharedKey)}`] : []),
  ...(endpoint ? [`endpoint=${endpointText(endpoint.address, endpoint.port)}`] : []),
  ...(keepaliveSeconds === undefined ? [] : [`persistent_keepalive_interval=${keepaliveSeconds}`]),
  ...(allowedIps ? ['replace_allowed_ips=true', ...allowedIps.map((prefix) => `allowed_ip=${prefix}`)] : []),
];

type Pair = readonly [name: string, value: string];

const pairsOf = (text: string): Pair[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);

/** The number of an answer's `errno` line; undefined while the answer is not complete. */
export function errnoOf(answer: string): number | undefined {
  const match = /(?:^|\n)errno=(-?\d+)\n\n$/.exec(answer);
  return match === null ? undefined : Number(match[1]);
}

/** `publicKeyOf` derives the public half where the socket only tells the private one. */
export function stateFrom(
  dev: string,
  { answer, publicKeyOf }: { readonly answer: string; readonly publicKeyOf: (secret: Uint8Array) => string },
): WireguardState {
  const pairs = pairsOf(answer);
  const start = pairs.findIndex(([name]) => name === 'public_key');
  const own = new Map(start < 0 ? pairs : pairs.slice(0, start));
  const secret = own.get('private_key');
  const peers: Pair[][] = [];
  for (const pair of start < 0 ? [] : pairs.slice(start)) {
    if (pair[0] === 'public_key') peers.push([pair]);
    else peers.at(-1)?.push(pair);
  }
  return {
    dev,
    ...(secret !== undefined && !/^0*$/.test(secret) && { publicKey: publicKeyOf(fromHex(secret)) }),
    listenPort: Number(own.get('listen_port') ?? 0),
    firewallMark: Number(own.get('fwmark') ?? 0),
    peers: peers.map(peerFrom),
  };
}

function peerFrom(pairs: readonly Pair[]): PeerState {
  const about = new Map(pairs);
  const number = (name: string): number => Number(about.get(name) ?? 0);
  const endpoint = endpointFrom(about.get('endpoint'));
  const handshakeMs =
    number('last_handshake_time_sec') * 1000 + Math.floor(number('last_handshake_time_nsec') / 1_000_000);
  return {
    publicKey: hexToBase64(about.get('public_key') ?? ''),
    presharedKey: presharedKeyName(fromHex(about.get('preshared_key') ?? '')),
    ...(endpoint && { endpoint }),
    keepaliveSeconds: number('persistent_keepalive_interval'),
    allowedIps: pairs.flatMap(([name, value]): Prefix[] => (name === 'allowed_ip' ? prefixesOf(value) : [])),
    ...(handshakeMs > 0 && { lastHandshakeMs: handshakeMs }),
    receivedBytes: number('rx_bytes'),
    sentBytes: number('tx_bytes'),
  };
}

const prefixesOf = (text: string): Prefix[] => {
  const prefix = tryPrefix(text);
  return prefix === undefined ? [] : [prefix];
};

/** A zone after an IPv6 address (`%eth0`) is left out. */
export function endpointFrom(text: string | undefined): Endpoint | undefined {
  const match = /^\[?([^\]%]*)(?:%[^\]]*)?\]?:(\d+)$/.exec(text ?? '');
  const address = tryAddress(match?.[1] ?? '');
  return address === undefined ? undefined : { address, port: Number(match?.[2]) };
}

export const badAnswer = (dev: string): FlanError =>
  new FlanError('E_SYSTEM', `wireguard-go hung up on ${dev} before its answer was complete`, { retry: true });
