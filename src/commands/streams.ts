import { Chalk, type ChalkInstance } from 'chalk';
import { wantsColour } from './colour.js';

const outputClosed = new AbortController();

/** What the process knows of its stdout. */
export const standardOutput: {
  readonly closed: AbortSignal;
  /** Kind of the JSON document that was printed: there is to be no second one. */
  document: string | undefined;
  /** Why something could not be written (a full disk). A reader that went away is no failure. */
  failure: NodeJS.ErrnoException | undefined;
} = { closed: outputClosed.signal, document: undefined, failure: undefined };

/** As it was before `settleEnvironment`. */
const environment = { ...process.env };

// The sixteen basic colours follow the terminal's own theme.
const palette = (stream: NodeJS.WriteStream): ChalkInstance =>
  new Chalk({ level: wantsColour({ argv: process.argv, env: environment, isTty: stream.isTTY }) ? 1 : 0 });

let forStderr: ChalkInstance | undefined;

/** What text on either stream is painted with. */
export const colours = {
  stdout: palette(process.stdout),
  get stderr(): ChalkInstance {
    forStderr ??= palette(process.stderr);
    return forStderr;
  },
};

/** oclif and others read the environment, so the decision for stdout is put there; both variables at once only warn. */
export function settleEnvironment(env: NodeJS.ProcessEnv): void {
  const colour = colours.stdout.level > 0;
  delete env[colour ? 'NO_COLOR' : 'FORCE_COLOR'];
  env[colour ? 'FORCE_COLOR' : 'NO_COLOR'] = '1';
}

/**
 * Keeps a reader that went away (`flan plan | head`), or a full disk under a daemon's output, from crashing us: what
 * cannot be written is dropped.
 */
export function tolerateLostOutput(): void {
  onLoss(process.stdout, (error) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') outputClosed.abort();
    else standardOutput.failure ??= error;
  });
  // Opened by whoever first says something there. Most commands never do, and it takes two milliseconds.
  const { get } = Object.getOwnPropertyDescriptor(process, 'stderr') ?? {};
  const open = (): NodeJS.WriteStream => {
    const stream = get?.call(process) as NodeJS.WriteStream;
    if (!opened.has(stream)) onLoss(stream, () => {});
    return stream;
  };
  if (get !== undefined) Object.defineProperty(process, 'stderr', { configurable: true, enumerable: true, get: open });
}

/** Streams that text may still be on its way to. */
const opened = new Set<NodeJS.WriteStream>();

function onLoss(stream: NodeJS.WriteStream, tell: (error: NodeJS.ErrnoException) => void): void {
  opened.add(stream);
  // oclif's own listener throws what is no closed pipe.
  stream.removeAllListeners('error');
  stream.on('error', tell);
}

/** Resolves when everything written so far has left the process, or never will. */
export async function flushed(): Promise<void> {
  const drain = (stream: NodeJS.WriteStream) => new Promise<void>((resolve) => stream.write('', () => resolve()));
  await Promise.all([...opened].filter((stream) => stream.writable && stream.writableLength > 0).map(drain));
  // A write to a file is over at once, but that it failed is told on the next turn.
  await new Promise((resolve) => setImmediate(resolve));
}
