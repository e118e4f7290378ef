import { expect, it } from 'vitest';
import { roaming, type Sighting } from '../../../src/drivers/wireguard/roaming.js';
import { wireguardPeerKey } from '../../../src/kinds/wireguard-peer.js';
import { parseAddress } from '../../../src/model/ip.js';

const key = wireguardPeerKey('flannel-wg', 'K');
const WANTED = '192.0.2.2:51820';

interface Look {
  readonly at: string;
  readonly received?: number;
  readonly afterMs: number;
  readonly handshakeAgeMs?: number;
  readonly wanted?: string;
}

/** What one node takes a peer's endpoint to be, look by look. */
function looks(list: readonly Look[]): (string | undefined)[] {
  const { endpointOf } = roaming();
  return list.map(({ at, received = 0, afterMs, handshakeAgeMs = 1000, wanted = WANTED }) => {
    const [address = '', port] = at.split(/:(?=\d+$)/);
    const sighting: Sighting = {
      ...{ key, wanted, nowMs: afterMs, wallMs: 1e12 },
      peer: {
        ...{ publicKey: 'K', presharedKey: 'none', keepaliveSeconds: 0, allowedIps: [], sentBytes: 0 },
        endpoint: { address: parseAddress(address), port: Number(port) },
        lastHandshakeMs: 1e12 - handshakeAgeMs,
        receivedBytes: received,
      },
    };
    return endpointOf(sighting);
  });
}

const MOVED = '198.51.100.7:40000';

it('leaves a peer where its packets go on coming from', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 10 },
    { at: MOVED, afterMs: 1000, received: 20 },
    { at: MOVED, afterMs: 9000, received: 30 },
    { at: MOVED, afterMs: 90_000, received: 40 },
  ]);
  expect(seen).toEqual([WANTED, WANTED, WANTED, WANTED]);
});

it('sets a peer right that nothing comes from where it was put', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 10 },
    { at: MOVED, afterMs: 1000, received: 20 },
    { at: MOVED, afterMs: 3000, received: 20 },
    { at: MOVED, afterMs: 9000, received: 20 },
  ]);
  expect(seen).toEqual([WANTED, WANTED, WANTED, MOVED]);
});

it('goes by the lease at first sight', () => {
  expect(looks([{ at: MOVED, afterMs: 0 }])).toEqual([MOVED]);
});

it('takes another port of the same address for the work of a NAT, while the session lasts', () => {
  const other = '192.0.2.2:40000';
  expect(looks([{ at: other, afterMs: 0 }])).toEqual([WANTED]);
  expect(looks([{ at: other, afterMs: 0, handshakeAgeMs: 181_000 }])).toEqual([other]);
});

it('follows a lease that names another endpoint, wherever the peer was', () => {
  const seen = looks([
    { at: WANTED, afterMs: 0, received: 1 },
    { at: MOVED, afterMs: 1000, received: 2 },
    { at: MOVED, afterMs: 9000, received: 3, wanted: '203.0.113.9:51820' },
  ]);
  expect(seen.at(-1)).toBe(MOVED);
});
