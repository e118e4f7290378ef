import { expect, it } from 'vitest';
import { type Roaming, roaming } from '../../../src/drivers/wireguard/roaming.js';
import { wireguardPeerKey } from '../../../src/kinds/wireguard-peer.js';
import { parseAddress } from '../../../src/model/ip.js';

const key = wireguardPeerKey('flannel-wg', 'K');
const WANTED = '192.0.2.2:51820';
const MOVED = '198.51.100.7:40000';

interface Look {
  readonly at: string;
  readonly afterMs: number;
  readonly received?: number;
  readonly sent?: number;
  readonly handshakeAgeMs?: number;
  readonly wanted?: string;
  readonly keepaliveSeconds?: number;
  /** What happens before this look. */
  readonly first?: (roamers: Roaming) => void;
}

/** What one node takes a peer's endpoint to be, look by look; the peer was given what its lease names unless said. */
function looks(list: readonly Look[], given = WANTED): (string | undefined)[] {
  const roamers = roaming({ get: () => given });
  return list.map(({ at, received = 0, sent = 0, afterMs, handshakeAgeMs = 1000, wanted = WANTED, ...more }) => {
    const [address = '', port] = at.split(/:(?=\d+$)/);
    more.first?.(roamers);
    return roamers.endpointOf({
      ...{ key, wanted, nowMs: afterMs, wallMs: 1e12 },
      peer: {
        ...{ publicKey: 'K', presharedKey: 'none', allowedIps: [], keepaliveSeconds: more.keepaliveSeconds ?? 0 },
        endpoint: { address: parseAddress(address), port: Number(port) },
        lastHandshakeMs: 1e12 - handshakeAgeMs,
        receivedBytes: received,
        sentBytes: sent,
      },
    });
  });
}

it('leaves a peer where its packets come from, also when it is silent for long and has nothing to answer', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 10 },
    { at: MOVED, afterMs: 1000, received: 20 },
    { at: MOVED, afterMs: 90_000, received: 20 },
    { at: MOVED, afterMs: 95_000, received: 40, sent: 400 },
    { at: MOVED, afterMs: 100_000, received: 40, sent: 500 },
  ]);
  expect(seen).toEqual([WANTED, WANTED, WANTED, WANTED, WANTED]);
});

it('leaves a new peer where its first packet came from, though no look came before that', () => {
  const first = (roamers: Roaming) => roamers.made(key, WANTED);
  expect(looks([{ at: MOVED, afterMs: 1000, received: 148, first }])).toEqual([WANTED]);
});

it('leaves a peer that moved where it is after a restart', () => {
  const seen = looks([
    { at: MOVED, afterMs: 0, received: 20 },
    { at: MOVED, afterMs: 60_000, received: 20 },
  ]);
  expect(seen).toEqual([WANTED, WANTED]);
});

it('sets a peer right at once that somebody else put where nothing came from', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 10 },
    { at: MOVED, afterMs: 1000, received: 10 },
    { at: MOVED, afterMs: 2000, received: 10 },
    { at: MOVED, afterMs: 3000, received: 10, first: (roamers) => roamers.put(key, WANTED) },
  ]);
  expect(seen).toEqual([WANTED, MOVED, MOVED, MOVED]);
});

it('believes a packet more than what it thought before', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 10 },
    { at: MOVED, afterMs: 1000, received: 10 },
    { at: MOVED, afterMs: 2000, received: 20 },
  ]);
  expect(seen).toEqual([WANTED, MOVED, WANTED]);
});

it('sets a peer right that does not answer where it is', () => {
  const silent = (keepaliveSeconds: number) =>
    looks([
      { at: MOVED, afterMs: 0, sent: 10, keepaliveSeconds },
      { at: MOVED, afterMs: 15_000, sent: 500, keepaliveSeconds },
      { at: MOVED, afterMs: 15_001, sent: 500, keepaliveSeconds },
      { at: MOVED, afterMs: 75_001, sent: 900, keepaliveSeconds },
    ]);
  expect(silent(0)).toEqual([WANTED, WANTED, MOVED, MOVED]);
  expect(silent(25)).toEqual([WANTED, WANTED, WANTED, MOVED]);
});

it('goes by the lease when the session has ended', () => {
  expect(looks([{ at: MOVED, afterMs: 0, handshakeAgeMs: 181_000 }])).toEqual([MOVED]);
});

it('goes by a lease that changed while nobody looked', () => {
  expect(looks([{ at: MOVED, afterMs: 0 }], '203.0.113.9:51820')).toEqual([MOVED]);
});

it('follows a lease that names another endpoint, wherever the peer was', () => {
  const wanted = '203.0.113.9:51820';
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 1 },
    { at: MOVED, afterMs: 1000, received: 2 },
    { at: MOVED, afterMs: 9000, received: 3, wanted },
    { at: WANTED, afterMs: 9001, received: 4, wanted: '192.0.2.2:51999' },
  ]);
  expect(seen.slice(2)).toEqual([MOVED, WANTED]);
});

it('goes by the lease for a peer of which nobody knows what it was given, but for the port, which a NAT chooses', () => {
  const other = '192.0.2.2:40000';
  const unknown = roaming({ get: () => undefined });
  const peer = {
    ...{ publicKey: 'K', presharedKey: 'none', allowedIps: [], keepaliveSeconds: 0, receivedBytes: 0, sentBytes: 0 },
    endpoint: { address: parseAddress('192.0.2.2'), port: 40000 },
  };
  const sighting = { key, wanted: WANTED, nowMs: 0, wallMs: 1e12 };
  expect(unknown.endpointOf({ ...sighting, peer: { ...peer, lastHandshakeMs: 1e12 - 1000 } })).toBe(WANTED);
  const wanted = '203.0.113.9:51820';
  expect(unknown.endpointOf({ ...sighting, wanted, peer: { ...peer, lastHandshakeMs: 1e12 - 1000 } })).toBe(other);
  expect(unknown.endpointOf({ ...sighting, peer: { ...peer, lastHandshakeMs: 1e12 - 181_000 } })).toBe(other);
});
