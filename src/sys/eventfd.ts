import { checked, libcFunction } from './ffi.js';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

const eventfd = libcFunction('int eventfd(unsigned int initial, int flags)');
const write = libcFunction('long write(int fd, const uint8_t *bytes, size_t length)');
const read = libcFunction('long read(int fd, uint8_t *bytes, size_t length)');

/** A descriptor that becomes readable when it is rung: wakes a thread that sleeps in poll(2). @see eventfd(2) */
export const openEventfd = (): number => checked('eventfd', eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

export const ring = (fd: number): void => void write(fd, ONE, ONE.length);

const counter = new Uint8Array(8);

/** Takes note of all rings so far. */
export const hush = (fd: number): void => void read(fd, counter, counter.length);
