import { endpointText } from '../../kinds/wireguard-peer.js';
import type { Key } from '../../planner/kind.js';
import type { PeerState } from './transport.js';

/** How long a session lasts after its handshake. @see REJECT_AFTER_TIME in the WireGuard paper, §6.1 */
const SESSION_MS = 180_000;
/** By then whoever got a packet has answered it. @see KEEPALIVE_TIMEOUT and REKEY_TIMEOUT, §6.5 */
const ANSWER_MS = 15_000;
/** Keepalives that may be lost in a row. */
const KEEPALIVES = 3;

/** The endpoints that peers were given, by whichever flan did it last: what their leases said then. */
export interface GivenEndpoints {
  get(key: Key): string | undefined;
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

export interface Roaming {
  /** @returns the endpoint to take a peer to have: the wanted one where the kernel's is as good */
  endpointOf(sighting: Sighting): string | undefined;
  /** A peer that is new and has heard nothing. */
  made(key: Key, endpoint: string | undefined): void;
  /** A peer that was there before was set to an endpoint. */
  put(key: Key, endpoint: string | undefined): void;
  forget(key: Key): void;
}

interface Seen {
  readonly endpoint: string | undefined;
  readonly receivedBytes: number;
  /** When the last packet had come, and what had been sent by then. */
  readonly heardMs: number;
  readonly sentBytes: number;
  /** Whether the endpoint is one that the peer sent from. */
  readonly isTrusted: boolean;
}

/**
 * Tells a peer that moved from one that was tampered with. The kernel follows a peer to wherever its last authentic packet
 * came from, which behind NAT is never what its lease says; such an endpoint works and is to be left alone. An endpoint is
 * set on a new peer, when its lease names another one than it was given, and when its session ended.
 */
export function roaming(given: GivenEndpoints): Roaming {
  const seen = new Map<Key, Seen>();

  const endpointOf = (sighting: Sighting): string | undefined => {
    const { key, peer, wanted, nowMs } = sighting;
    const { receivedBytes, sentBytes } = peer;
    const actual = peer.endpoint && endpointText(peer.endpoint.address, peer.endpoint.port);
    const before = seen.get(key);
    const isHome = wanted === undefined || actual === undefined || actual === wanted;
    const isTrusted = isHome || isMove({ ...sighting, wanted, actual, before, given: given.get(key) });
    const isHeard = before === undefined || receivedBytes !== before.receivedBytes;
    const since = isHeard ? { heardMs: nowMs, sentBytes } : { heardMs: before.heardMs, sentBytes: before.sentBytes };
    seen.set(key, { endpoint: actual, receivedBytes, isTrusted, ...since });
    return isTrusted && !isHome ? wanted : actual;
  };

  return {
    endpointOf,
    made: (key, endpoint) => {
      seen.set(key, { endpoint, receivedBytes: 0, heardMs: 0, sentBytes: 0, isTrusted: true });
    },
    put: (key, endpoint) => {
      const before = seen.get(key);
      if (before !== undefined && endpoint !== undefined) seen.set(key, { ...before, endpoint, isTrusted: true });
    },
    forget: (key) => void seen.delete(key),
  };
}

interface Move extends Sighting {
  readonly wanted: string;
  readonly actual: string;
  readonly before: Seen | undefined;
  readonly given: string | undefined;
}

function isMove({ peer, wanted, actual, before, given, nowMs, wallMs }: Move): boolean {
  const { lastHandshakeMs = 0, receivedBytes, sentBytes, keepaliveSeconds } = peer;
  if (wallMs - lastHandshakeMs > SESSION_MS) return false;
  // Somebody else's work. Several nodes may be behind one public address: the NAT chooses the ports.
  if (given === undefined) return hostOf(actual) === hostOf(wanted);
  if (given !== wanted) return false;
  // Every packet that came since would have led back to where it really comes from.
  if (before === undefined || receivedBytes > before.receivedBytes) return true;
  if (actual !== before.endpoint || !before.isTrusted) return false;
  const patienceMs = Math.max(ANSWER_MS, KEEPALIVES * keepaliveSeconds * 1000);
  return sentBytes === before.sentBytes || nowMs - before.heardMs <= patienceMs;
}

export const isAt = ({ endpoint }: PeerState, text: string): boolean =>
  endpoint !== undefined && endpointText(endpoint.address, endpoint.port) === text;

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'));
