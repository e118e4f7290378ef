import { FlanError } from '../../errors.js';
import type { CloudEdge } from './client.js';
import { CloudError } from './cloud-error.js';

export interface Persistence {
  readonly attempts: number;
  /** The first pause is up to this long, each further one up to twice the one before. */
  readonly firstMs: number;
}

/** Nodes that start together are throttled together: chance spreads the whole of a pause, and its ceiling grows. */
export const API: Persistence = { attempts: 5, firstMs: 400 };
export const METADATA: Persistence = { attempts: 3, firstMs: 100 };

const LONGEST_MS = 30_000;

/** Tries again what may work later. @throws {FlanError} the last failure, or one that no waiting mends */
export async function persistently<T>(
  edge: Pick<CloudEdge, 'sleep' | 'random'>,
  attempt: () => Promise<T>,
  { attempts, firstMs, signal }: Persistence & { readonly signal: AbortSignal },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (cause) {
      if (!(cause instanceof FlanError) || !cause.retry || tries >= attempts || signal.aborted) throw cause;
      const ceilingMs = Math.min(LONGEST_MS, firstMs * 2 ** (tries - 1));
      const asked = cause instanceof CloudError ? cause.retryAfterMs : undefined;
      await edge.sleep(Math.min(LONGEST_MS, (asked ?? 0) + ceilingMs * edge.random()), signal);
    }
  }
}
