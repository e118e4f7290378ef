import type http from 'node:http';
import { FlanError } from '../../errors.js';
import { unreachable } from './api-error.js';

/** An answer's body while it arrives. Read it once; to the end, out of the loop or into an error, it is freed. */
export interface ApiBody extends AsyncIterable<Buffer> {
  /** Hands over each chunk as it comes: half the cost of a loop over a large body. Ends with what `onChunk` throws. */
  each(onChunk: (chunk: Buffer) => void): Promise<void>;
}

export interface BodySource {
  readonly response: http.IncomingMessage;
  /** What to say when it breaks off: `GET /api/v1/nodes got half an answer`. */
  readonly what: string;
  readonly server: string;
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A pause that is too long, a cut and the signal end the body with an error. */
export function bodyOf(source: BodySource): ApiBody {
  return {
    [Symbol.asyncIterator]: () => chunksOf(source),
    each: (onChunk) => eachChunk(source, onChunk),
  };
}

async function* chunksOf(source: BodySource): AsyncGenerator<Buffer> {
  const guard = guardOf(source);
  try {
    source.signal.throwIfAborted();
    for await (const chunk of source.response) {
      guard.alive();
      yield chunk as Buffer;
    }
  } catch (cause) {
    throw failure(source, cause);
  } finally {
    guard.release();
  }
}

function eachChunk(source: BodySource, onChunk: (chunk: Buffer) => void): Promise<void> {
  const { response, signal } = source;
  const guard = guardOf(source);
  const read = new Promise<void>((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    response.on('data', (chunk: Buffer) => {
      guard.alive();
      try {
        onChunk(chunk);
      } catch (error) {
        reject(error);
        response.destroy();
      }
    });
    response.once('end', resolve);
    response.once('error', reject);
    response.once('close', () => reject(new Error('the connection was closed'))); // after `end` this says nothing
  });
  return read
    .catch((cause: unknown) => {
      throw failure(source, cause);
    })
    .finally(guard.release);
}

interface Guard {
  alive(): void;
  release(): void;
}

/** Breaks a body off that is silent for too long, or that nobody wants any more. */
function guardOf({ response, idleTimeoutMs, signal }: BodySource): Guard {
  const timer = setTimeout(() => {
    response.destroy(new Error(`silent for ${idleTimeoutMs} ms`));
  }, idleTimeoutMs);
  const abort = () => response.destroy();
  signal.addEventListener('abort', abort, { once: true });
  return {
    alive: () => timer.refresh(),
    release() {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      response.destroy();
    },
  };
}

function failure({ what, server, signal }: BodySource, cause: unknown): unknown {
  if (signal.aborted) return signal.reason;
  return cause instanceof FlanError ? cause : unreachable({ what, server, cause });
}

/** The whole of a body. @throws {FlanError} E_STORE_UNREACHABLE when it is larger than any answer we ask for */
export async function collect(body: ApiBody, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  await body.each((chunk) => {
    total += chunk.length;
    if (total > maxBytes) {
      throw new FlanError('E_STORE_UNREACHABLE', `an answer is larger than ${maxBytes} bytes`, {
        hint: 'Check that the address is that of a Kubernetes API server',
      });
    }
    parts.push(chunk);
  });
  return Buffer.concat(parts);
}
