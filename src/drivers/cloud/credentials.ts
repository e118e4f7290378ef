import { asFlanError } from '../../errors.js';
import type { CloudEdge } from './client.js';

/** What requests are signed with. Never printed: messages name where it came from, at most. */
export interface Credentials {
  readonly id: string;
  readonly secret: string;
  /** Of credentials that end. */
  readonly session?: string | undefined;
  readonly expiresAtMs?: number | undefined;
}

export interface CredentialSource<T = Credentials> {
  get(signal: AbortSignal): Promise<T>;
  /** The cloud refused them: the next `get` asks anew. */
  forget(): void;
}

/** Before they end they are asked for again, so that none ends under way. */
const MARGIN_MS = 5 * 60_000;

/** Asks once, and again when what was given is about to end. */
export function remembered<T extends Pick<Credentials, 'expiresAtMs'>>(
  edge: Pick<CloudEdge, 'nowMs'>,
  ask: (signal: AbortSignal) => Promise<T>,
): CredentialSource<T> {
  let known: T | undefined;
  return {
    get: async (signal) => {
      if (known !== undefined && edge.nowMs() < (known.expiresAtMs ?? Number.POSITIVE_INFINITY) - MARGIN_MS)
        return known;
      known = await ask(signal);
      return known;
    },
    forget: () => {
      known = undefined;
    },
  };
}

/**
 * Asks once more with other credentials when the first were refused: those of a role are renewed by the instance, and
 * new ones may be there before ours have ended.
 */
export async function renewing<T>(
  credentials: Pick<CredentialSource<unknown>, 'forget'>,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (cause) {
    if (asFlanError(cause).code !== 'E_CLOUD_AUTH') throw cause;
    credentials.forget();
    return attempt();
  }
}
