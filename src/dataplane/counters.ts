/** What the data path counts as a whole. Reads add up: see `balanceOf`. */
export const TOTALS = [
  'outRead', // packets that came out of the device; one that holds many segments is one
  'outForwarded',
  'outNoPeer',
  'outExpired',
  'outNotToOneNode',
  'outMalformed',
  'outRefused', // datagrams that the kernel did not take; their packets count as forwarded
  'inReceived', // datagrams
  'inDelivered',
  'inMalformed',
  'inExpired',
  'inUnknownSender',
  'inSpoofed',
  'inRefused', // by the device
  'icmpSent',
  'icmpWithheld', // where RFC 1812 forbids one, or too many were sent
] as const;
export type Total = (typeof TOTALS)[number];

export const PEER_COUNTERS = [
  'sentPackets',
  'sentBytes',
  'receivedPackets',
  'receivedBytes',
  'spoofed', // came from this peer's address with a source that is not in its subnet
  'sendErrors',
] as const;
export type PeerCounter = (typeof PEER_COUNTERS)[number];

export type Totals = Readonly<Record<Total, number>>;
export type PeerCounts = Readonly<Record<PeerCounter, number>>;

const HEAD = 32;
const STRIDE = 8;

/** Peers that one device can have. */
export const MAX_PEERS = 65_536;

/** Memory that one packet loop counts in and others read: doubles, which count exactly to 2^53 and cost no object. */
export const makeCounterMemory = (): SharedArrayBuffer =>
  new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT * (HEAD + STRIDE * MAX_PEERS));

export const TOTAL: Readonly<Record<Total, number>> = indexOf(TOTALS);
export const PEER: Readonly<Record<PeerCounter, number>> = indexOf(PEER_COUNTERS);

/** Where the counters of a peer start. */
export const peerAt = (slot: number): number => HEAD + STRIDE * slot;

/** What several loops have counted together. */
export const readTotals = (memories: readonly Float64Array[]): Totals => read(TOTALS, memories, 0);

export const readPeer = (memories: readonly Float64Array[], slot: number): PeerCounts =>
  read(PEER_COUNTERS, memories, peerAt(slot));

/** Before a slot gets another peer. */
export function clearPeer(memories: readonly Float64Array[], slot: number): void {
  for (const memory of memories) memory.fill(0, peerAt(slot), peerAt(slot + 1));
}

/** What was taken in and is neither forwarded nor counted as dropped: 0, unless a packet is on its way just now. */
export const balanceOf = (totals: Totals): { readonly out: number; readonly in: number } => ({
  out:
    totals.outRead -
    (totals.outForwarded + totals.outNoPeer + totals.outExpired + totals.outNotToOneNode + totals.outMalformed),
  in:
    totals.inReceived -
    (totals.inDelivered +
      totals.inMalformed +
      totals.inExpired +
      totals.inUnknownSender +
      totals.inSpoofed +
      totals.inRefused),
});

function read<Name extends string>(
  names: readonly Name[],
  memories: readonly Float64Array[],
  start: number,
): Readonly<Record<Name, number>> {
  return Object.fromEntries(
    names.map((name, i) => [name, memories.reduce((sum, memory) => sum + (memory[start + i] ?? 0), 0)]),
  ) as Record<Name, number>;
}

function indexOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>;
}
