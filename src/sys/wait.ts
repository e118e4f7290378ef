import { checked, lastErrno, libc } from './ffi.js';

const POLLIN = 1;
const EINTR = 4;

/**
 * Blocks the whole process until `fd` can be read, for `timeoutMs` at the longest. For answers that the kernel gives
 * within a system call and that are late only when it is starved of memory.
 */
export function waitReadable(fd: number, timeoutMs: number): 'readable' | 'timeout' {
  const pollFd = new Uint8Array(8); // struct pollfd { int fd; short events; short revents; }
  const view = new DataView(pollFd.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  const count = libc.poll(pollFd, 1, timeoutMs);
  if (count === -1 && lastErrno() === EINTR) return 'readable';
  return checked('poll', count) === 0 ? 'timeout' : 'readable';
}
