import { addressOfBuffer } from './ffi.js';

/** Memory that system calls get pointers into. Everything in it is named by its offset. */
export interface Arena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The address of offset 0. */
  readonly address: number;
  /** Its low half; the high half is the same for the whole arena, so a pointer costs one addition. */
  readonly low: number;
  readonly high: number;
  /** Reserves bytes for good, on a cache line of their own. @returns their offset */
  take(bytes: number): number;
}

const LINE_BYTES = 64;
const FOUR_GIB = 2 ** 32;

/** @throws {RangeError} from `take` when more is reserved than there is */
export function makeArena(sizeBytes: number): Arena {
  const bytes = allocate(sizeBytes);
  const address = addressOfBuffer(bytes);
  let next = (LINE_BYTES - (address % LINE_BYTES)) % LINE_BYTES;
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    address,
    low: address % FOUR_GIB,
    high: Math.floor(address / FOUR_GIB),
    take(size) {
      const offset = next;
      next += Math.ceil(size / LINE_BYTES) * LINE_BYTES;
      if (next > bytes.length) throw new RangeError(`the arena has no ${size} bytes left`);
      return offset;
    },
  };
}

/** Memory that does not lie across a multiple of 4 GiB. Of two neighbours at most one does. */
function allocate(sizeBytes: number): Uint8Array {
  const room = sizeBytes + LINE_BYTES;
  for (const refused: Uint8Array[] = []; ; ) {
    const bytes = new Uint8Array(room);
    const start = addressOfBuffer(bytes) % FOUR_GIB;
    if (start + room < FOUR_GIB) return bytes;
    refused.push(bytes); // kept, so that the next one lies elsewhere
  }
}

/** Writes a pointer to `offset` of the arena at `at`. */
export function setPointer({ view, low, high }: Arena, at: number, offset: number): void {
  view.setUint32(at, low + offset, true);
  view.setUint32(at + 4, high, true);
}
