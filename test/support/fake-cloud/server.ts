import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly url: URL;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** With the port. */
  readonly host: string;
  close(): Promise<void>;
}

/** An HTTP server on loopback; `undefined` leaves a request without an answer until the server closes. */
export async function serve(answer: (arrived: Arrived) => Answer | undefined): Promise<FakeServer> {
  const server: Server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const target = request.url ?? '/';
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(',')]),
      );
      const given = answer({
        ...{ method: request.method ?? '', target, headers, body },
        url: new URL(target, 'http://fake'),
      });
      if (given === undefined) return;
      response.writeHead(given.status, given.headers);
      response.end(given.body ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** What every fake can be told to do wrong. */
export class Faults {
  /** Actions that the credentials may not do. */
  readonly denied = new Set<string>();
  /** How often each of these is refused for being asked too often, before it works. */
  readonly throttled = new Map<string, number>();
  /** How often each of these breaks. */
  readonly broken = new Map<string, number>();
  /** How many reads after a write still show what was there before. */
  lagReads = 0;

  take(counts: Map<string, number>, action: string): boolean {
    const left = counts.get(action) ?? 0;
    if (left > 0) counts.set(action, left - 1);
    return left > 0;
  }
}

/** State whose readers lag behind its writers. */
export class Lagging<T> {
  #old: T | undefined;
  #reads = 0;

  constructor(private readonly faults: Faults) {}

  /** Call with a copy of the state right before it is written. */
  writing(before: T): void {
    if (this.faults.lagReads === 0) return;
    this.#old = before;
    this.#reads = this.faults.lagReads;
  }

  read(now: T): T {
    if (this.#reads === 0 || this.#old === undefined) return now;
    this.#reads--;
    return this.#old;
  }
}
