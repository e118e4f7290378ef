import { libc } from '../../src/sys/ffi.js';
import { watch } from '../../src/sys/poller.js';
import { unixAddress } from '../../src/sys/unix-datagram.js';

const [AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK] = [1, 2, 0o4000];

export interface Receiver {
  readonly received: readonly string[];
  /** The first message from `from` on that matches; waits for it. */
  until(matches: (message: string) => boolean, from?: number): Promise<string>;
  close(): void;
}

/** A real datagram socket with a name, as a service manager has one. */
export function receiver(name: string): Receiver {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const address = unixAddress(name);
  if (libc.bind(fd, address, address.length) !== 0) throw new Error(`cannot bind ${name}`);
  const received: string[] = [];
  const waiting = new Set<() => void>();
  const buffer = new Uint8Array(4096);
  const handle = watch({
    fd,
    onReadable: () => {
      const count = libc.recv(fd, buffer, buffer.length, 0);
      if (count < 0) return;
      received.push(Buffer.from(buffer.subarray(0, count)).toString());
      for (const look of [...waiting]) look();
    },
    onError: (error) => {
      throw error;
    },
  });
  return {
    received,
    until: (matches, from = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not among: ${JSON.stringify(received)}`)), 15_000);
        const look = (): void => {
          const found = received.slice(from).find(matches);
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    close: () => handle.close(),
  };
}
