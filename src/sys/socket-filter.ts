import { koffi, lastErrno, SysError } from './ffi.js';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** One instruction of classic BPF. @see uapi/linux/filter.h `struct sock_filter` */
export interface FilterInstruction {
  readonly code: number;
  /** Instructions to skip when a comparison holds, and when it does not. */
  readonly jumpTrue?: number;
  readonly jumpFalse?: number;
  readonly operand: number;
}

type Attach = (fd: number, level: number, name: number, program: object, length: number) => number;
let attach: { readonly call: Attach; readonly programBytes: number } | undefined;

function prepared(): NonNullable<typeof attach> {
  if (attach !== undefined) return attach;
  const ffi = koffi();
  const program = ffi.struct('flan_sock_fprog', { len: 'uint16_t', filter: 'const uint8_t *' });
  const prototype = 'int setsockopt(int fd, int level, int name, const flan_sock_fprog *value, uint32_t length)';
  const call = ffi.load(null).func(prototype) as unknown as Attach;
  attach = { call, programBytes: ffi.sizeof(program) };
  return attach;
}

/**
 * Lets the kernel throw away what a program does not accept, before it takes room in the socket's buffer or a system
 * call to read. @throws {SysError}
 */
export function attachFilter(fd: number, instructions: readonly FilterInstruction[]): void {
  const filter = new Uint8Array(8 * instructions.length);
  const view = new DataView(filter.buffer);
  for (const [i, { code, jumpTrue = 0, jumpFalse = 0, operand }] of instructions.entries()) {
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, jumpTrue);
    view.setUint8(8 * i + 3, jumpFalse);
    view.setUint32(8 * i + 4, operand, true);
  }
  const { call, programBytes } = prepared();
  if (call(fd, SOL_SOCKET, SO_ATTACH_FILTER, { len: instructions.length, filter }, programBytes) === -1) {
    throw new SysError('setsockopt', lastErrno());
  }
}
