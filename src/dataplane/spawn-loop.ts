import { closeSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { FlanError } from '../errors.js';
import { openEventfd, ring } from '../sys/eventfd.js';
import type { FromLoop, LoopStart, ToLoop } from './messages.js';

/** A packet loop in its thread. */
export interface LoopHandle {
  /** Resolves when the loop has carried it out; rejects when the loop ends before. */
  ask(message: Asked): Promise<void>;
  /** Tells it to end. Safe to call twice. */
  stop(): void;
  /** When the thread is gone. */
  readonly ended: Promise<void>;
}

type WithoutId<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never;
export type Asked = WithoutId<ToLoop>;

export interface SpawnInput {
  readonly start: Omit<LoopStart, 'bell'>;
  /** Told at most once: the loop has ended by itself. */
  readonly onLost: (why: string) => void;
}

/** Where the build puts the thread's code, seen from a bundle, from the library, and from the sources. */
const PLACES = ['./tunnel.worker.cjs', '../tunnel.worker.cjs', '../../dist/tunnel.worker.cjs'];

/** Starts a packet loop. @throws {FlanError} E_BACKEND when it does not come up */
export async function spawnLoop({ start, onLost }: SpawnInput): Promise<LoopHandle> {
  const bell = openEventfd();
  const { port1: port, port2: theirs } = new MessageChannel();
  const worker = new Worker(workerPath(), {
    workerData: { start: { ...start, bell }, port: theirs },
    transferList: [theirs],
    stdin: false,
    // Those of the process are about its own script.
    execArgv: [],
  });
  const waiting = new Map<number, { resolve: () => void; reject: (error: FlanError) => void }>();
  let nextId = 1;
  let state: 'starting' | 'running' | 'stopping' | 'over' = 'starting';
  let lostBecause = 'its thread ended';
  const send = (message: ToLoop): void => {
    port.postMessage(message);
    ring(bell);
  };
  // A thread that sleeps in poll(2) would keep the process from ending. Awake it must not go back to sleep, either.
  const onExit = (): void => send({ type: 'stop' });
  atExit(onExit);

  let comeUp: (error?: FlanError) => void = () => undefined;
  const up = new Promise<void>((resolve, reject) => {
    comeUp = (error) => (error === undefined ? resolve() : reject(error));
  });
  port.on('message', (message: FromLoop) => {
    if (message.type === 'ready') {
      state = 'running';
      comeUp();
    } else if (message.type === 'done') {
      waiting.get(message.id)?.resolve();
      waiting.delete(message.id);
      if (waiting.size === 0) port.unref();
    } else lostBecause = message.why;
  });
  worker.on('error', (error) => {
    lostBecause = error instanceof Error ? error.message : String(error);
  });
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      // Its last words may still be under way.
      setImmediate(() => {
        const before = state;
        state = 'over';
        exits.delete(onExit);
        port.close();
        closeSync(bell);
        const error = new FlanError('E_BACKEND', `the packet loop has ended: ${lostBecause}`, { retry: true });
        for (const { reject } of waiting.values()) reject(error);
        waiting.clear();
        if (before === 'starting') comeUp(error);
        else if (before === 'running') onLost(lostBecause);
        resolve();
      });
    });
  });
  await up;
  // Carrying packets is no reason for the process to stay; being asked for something, or to end, is.
  worker.unref();
  port.unref();
  return {
    ended,
    ask: (message) =>
      new Promise((resolve, reject) => {
        if (state !== 'running') return reject(new FlanError('E_CLOSED', 'the packet loop has ended', { retry: true }));
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        port.ref();
        send({ ...message, id });
      }),
    stop: () => {
      if (state !== 'running') return;
      state = 'stopping';
      worker.ref();
      send({ type: 'stop' });
    },
  };
}

const exits = new Set<() => void>();
let isListening = false;

/** One listener however many loops there are. */
function atExit(action: () => void): void {
  if (!isListening) process.on('exit', () => [...exits].map((each) => each()));
  isListening = true;
  exits.add(action);
}

function workerPath(): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new FlanError('E_BUG', `the packet loop is not among what was built: ${paths.join(', ')}`, {
    hint: 'Run `npm run build`.',
  });
}
