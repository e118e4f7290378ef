import { addressOfBuffer } from './ffi.js';
import { type WasmMemory, webAssembly } from './web-assembly.js';

/** Memory that system calls get pointers into. Everything in it is named by its offset. */
export interface Arena {
  /** The memory as WebAssembly sees it; absent where it has none. */
  readonly memory: WasmMemory | undefined;
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
const WASM_PAGE_BYTES = 65_536;
const FOUR_GIB = 2 ** 32;

/** @throws {RangeError} from `take` when more is reserved than there is */
export function makeArena(sizeBytes: number): Arena {
  const { bytes, memory } = allocate(sizeBytes);
  const address = addressOfBuffer(bytes);
  let next = (LINE_BYTES - (address % LINE_BYTES)) % LINE_BYTES;
  return {
    memory,
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

interface Allocation {
  readonly bytes: Uint8Array;
  readonly memory: WasmMemory | undefined;
}

/** Memory that does not lie across a multiple of 4 GiB. Of two neighbours at most one does. */
function allocate(sizeBytes: number): Allocation {
  for (const refused: Allocation[] = []; ; ) {
    const found = reserve(sizeBytes + LINE_BYTES);
    const start = addressOfBuffer(found.bytes) % FOUR_GIB;
    if (start + found.bytes.length < FOUR_GIB) return found;
    refused.push(found); // kept, so that the next one lies elsewhere
  }
}

function reserve(sizeBytes: number): Allocation {
  const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
  try {
    const wasm = webAssembly();
    if (wasm !== undefined) {
      const memory = new wasm.Memory({ initial: pages, maximum: pages });
      return { memory, bytes: new Uint8Array(memory.buffer) };
    }
  } catch {
    // V8 sets gigabytes of address space aside for it, which a limit may forbid.
  }
  return { memory: undefined, bytes: new Uint8Array(sizeBytes) };
}

/** Writes a pointer to `offset` of the arena at `at`. */
export function setPointer({ view, low, high }: Arena, at: number, offset: number): void {
  view.setUint32(at, low + offset, true);
  view.setUint32(at + 4, high, true);
}
