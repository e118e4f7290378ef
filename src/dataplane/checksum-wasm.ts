import { type WasmMemory, webAssembly } from '../sys/web-assembly.js';

/** Instructions of WebAssembly by name. @see https://webassembly.github.io/spec/core/binary/instructions.html */
const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  end: [0x0b],
  br: (depth: number) => [0x0c, depth],
  brIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  load8: [0x2d, 0, 0],
  load16: [0x2f, 0, 0],
  constant: (value: number) => [0x41, ...signed(value)],
  geU: [0x4f],
  add: [0x6a],
  and: [0x71],
  shrU: [0x76],
  /** 16 bytes from the address on the stack, and so many bytes after it. */
  load128: (offset: number) => [0xfd, 0x00, 0, offset],
  lane: (lane: number) => [0xfd, 0x1b, lane],
  add4: [0xfd, 0xae, 0x01],
  /** Eight 16-bit numbers to four sums of two neighbours. */
  addPairs: [0xfd, 0x7f],
} as const;

const I32 = 0x7f;
const V128 = 0x7b;
/** Parameters first, then what the function declares. */
const [at, length, end, sum, even, odd] = [0, 1, 2, 3, 4, 5];

/** What `sumBytes` does, 32 bytes at a time. */
const BODY = [
  // end = at + (length & ~31)
  ...[...op.get(at), ...op.get(length), ...op.constant(-32), ...op.and, ...op.add, ...op.set(end)],
  ...[...op.block, ...op.loop, ...op.get(at), ...op.get(end), ...op.geU, ...op.brIf(1)],
  ...[...op.get(even), ...op.get(at), ...op.load128(0), ...op.addPairs, ...op.add4, ...op.set(even)],
  ...[...op.get(odd), ...op.get(at), ...op.load128(16), ...op.addPairs, ...op.add4, ...op.set(odd)],
  ...[...op.get(at), ...op.constant(32), ...op.add, ...op.set(at), ...op.br(0), ...op.end, ...op.end],
  // sum = the four lanes, halves added
  ...[...op.get(even), ...op.get(odd), ...op.add4, ...op.set(even)],
  ...[...op.get(even), ...op.lane(0), ...op.get(even), ...op.lane(1), ...op.add],
  ...[...op.get(even), ...op.lane(2), ...op.add, ...op.get(even), ...op.lane(3), ...op.add, ...op.set(sum)],
  ...[...op.get(sum), ...op.constant(0xffff), ...op.and, ...op.get(sum), ...op.constant(16), ...op.shrU, ...op.add],
  ...op.set(sum),
  // The words that are left, and the last byte.
  ...[...op.get(at), ...op.get(length), ...op.constant(30), ...op.and, ...op.add, ...op.set(end)],
  ...[...op.block, ...op.loop, ...op.get(at), ...op.get(end), ...op.geU, ...op.brIf(1)],
  ...[...op.get(sum), ...op.get(at), ...op.load16, ...op.add, ...op.set(sum)],
  ...[...op.get(at), ...op.constant(2), ...op.add, ...op.set(at), ...op.br(0), ...op.end, ...op.end],
  ...[...op.get(length), ...op.constant(1), ...op.and, ...op.if],
  ...[...op.get(sum), ...op.get(at), ...op.load8, ...op.add, ...op.set(sum), ...op.end],
  ...[...op.get(sum), ...op.end],
];

const LOCALS = [2, 2, I32, 2, V128];

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 2, I32, I32, 1, I32]), // one type: (i32, i32) -> i32
  ...section(2, [1, ...name('env'), ...name('memory'), 0x02, 0x00, 1]), // a memory of at least one page
  ...section(3, [1, 0]), // one function, of that type
  ...section(7, [1, ...name('sum'), 0x00, 0]),
  ...section(10, [1, ...sized([...LOCALS, ...BODY])]),
]);

/** @returns undefined where there is no WebAssembly @throws when its processor has no SIMD */
export function compileSum(memory: WasmMemory): ((offset: number, length: number) => number) | undefined {
  const wasm = webAssembly();
  if (wasm === undefined) return undefined;
  const { exports } = new wasm.Instance(new wasm.Module(MODULE), { env: { memory } });
  return exports.sum as (offset: number, length: number) => number;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const rest = value >> 7;
  const isLast = rest === (value & 0x40 ? -1 : 0);
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)];
}
