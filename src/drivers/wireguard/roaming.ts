import { endpointText } from '../../kinds/wireguard-peer.js';
import type { Key } from '../../planner/kind.js';
import type { PeerState } from './transport.js';

/** How long a session lasts after its handshake. @see REJECT_AFTER_TIME in the WireGuard paper, §6.1 */
const SESSION_MS = 180_000;
/** How long an endpoint that moved has to prove itself: until then a look or two has come by. */
const PROBATION_MS = 4_000;

interface Seen {
  /** The endpoint that was wanted then. */
  readonly wanted: string | undefined;
  readonly endpoint: string | undefined;
  readonly receivedBytes: number;
  readonly sinceMs: number;
}

export interface Sighting {
  readonly key: Key;
  readonly peer: PeerState;
  /** The endpoint that the peer's lease names. */
  readonly wanted: string | undefined;
  /** Of a clock that only goes forward. */
  readonly nowMs: number;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

/**
 * Tells a peer that moved from one that was tampered with. The kernel follows a peer to wherever its last authentic packet
 * came from, which behind NAT is never what its lease says; such an endpoint works and is to be left alone.
 * @returns the endpoint to take a peer to have: the wanted one where the kernel's is as good
 */
export function roaming(): { endpointOf(sighting: Sighting): string | undefined; forget(key: Key): void } {
  const moved = new Map<Key, Seen>();
  const usual = new Map<Key, string>();

  const endpointOf = ({ key, peer, wanted, nowMs, wallMs }: Sighting): string | undefined => {
    const { endpoint, lastHandshakeMs = 0, receivedBytes } = peer;
    const actual = endpoint && endpointText(endpoint.address, endpoint.port);
    if (wanted === undefined || actual === undefined || actual === wanted) {
      moved.delete(key);
      if (actual !== undefined) usual.set(key, actual);
      return actual;
    }
    if (wallMs - lastHandshakeMs > SESSION_MS) return actual;
    // Several nodes behind one public address: the port tells them apart, and the NAT chooses it.
    if (hostOf(actual) === hostOf(wanted)) return wanted;
    const before = moved.get(key);
    if (before === undefined || before.endpoint !== actual || before.wanted !== wanted) {
      const isMove = usual.get(key) === wanted || (before !== undefined && before.wanted === wanted);
      if (!isMove) return actual;
      moved.set(key, { wanted, endpoint: actual, receivedBytes, sinceMs: nowMs });
      return wanted;
    }
    // Every packet that came since would have led back to where it really comes from.
    if (receivedBytes > before.receivedBytes || nowMs - before.sinceMs < PROBATION_MS) return wanted;
    return actual;
  };

  const forget = (key: Key): void => {
    moved.delete(key);
    usual.delete(key);
  };
  return { endpointOf, forget };
}

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'));
