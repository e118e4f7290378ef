import { koffi, libc } from './ffi.js';

export interface Watch {
  /** Stops watching and closes the descriptor. Safe to call twice, and from inside `onReadable`. */
  close(): void;
  /** Lets the process end although this is open. */
  unref(): void;
}

export interface WatchOptions {
  /** A non-blocking descriptor; the watch owns it from now on. */
  readonly fd: number;
  /** Level-triggered: called again on the next turn while anything is left to read. */
  readonly onReadable: () => void;
  /** What `onReadable` threw. Called outside of the poll callback. */
  readonly onError: (error: unknown) => void;
}

/** As koffi 3.3.4 behaves, which its type declaration does not say: the first argument of the callback is a status. */
interface PollHandle {
  start(options: { readable: boolean }, callback: (status: number) => void): void;
  close(): void;
  unref(): void;
}
type Poll = (fd: number, options: { readable: boolean }, callback: (status: number) => void) => PollHandle;

// A handle that nothing refers to is collected, and then silently stops.
const live = new Set<PollHandle>();

/** Watches one descriptor with the event loop's own poll: no thread, no timer. */
export function watch({ fd, onReadable, onError }: WatchOptions): Watch {
  const poll = koffi().node.poll as unknown as Poll;
  const options = { readable: true };
  let closed = false;
  const onPoll = (status: number): void => {
    if (closed) return;
    try {
      onReadable();
    } catch (error) {
      // Thrown into the native callback it would surface at some later tick and keep the process from ending.
      queueMicrotask(() => onError(error));
    }
    // EPOLLERR, which netlink raises on a lost message, ends the watch in libuv (status EBADF): start it again.
    if (status < 0 && !closed) handle.start(options, onPoll);
  };
  const handle = poll(fd, options, onPoll);
  live.add(handle);
  return {
    close() {
      if (closed) return;
      closed = true;
      // In this order: a descriptor that closes under its handle aborts the process.
      handle.close();
      live.delete(handle);
      libc.close(fd);
    },
    unref: () => {
      if (!closed) handle.unref();
    },
  };
}
