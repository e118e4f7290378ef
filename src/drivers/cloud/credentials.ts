import { asFlanError } from '../../errors.js';
import type { CloudEdge } from './client.js';
import { CloudError } from './cloud-error.js';

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
  edge: Pick<CloudEdge, 'wallMs'>,
  ask: (signal: AbortSignal) => Promise<T>,
): CredentialSource<T> {
  let known: T | undefined;
  return {
    get: async (signal) => {
      if (known !== undefined && edge.wallMs() < (known.expiresAtMs ?? Number.POSITIVE_INFINITY) - MARGIN_MS)
        return known;
      known = await ask(signal);
      return known;
    },
    forget: () => {
      known = undefined;
    },
  };
}

export interface InstanceRole {
  /** Where the metadata service lists the role: one more step down are its credentials. */
  readonly folder: string;
  /** The cloud and the places that were looked into before: `AWS credentials: the environment has none`. */
  readonly none: string;
  readonly hint: string;
  readonly decode: (text: string, what: string) => Credentials;
}

/**
 * Credentials of the instance's role, from a metadata service that tells undefined for what is not there.
 * @throws {FlanError} E_CLOUD_AUTH when there is no role
 */
export async function ofRole(
  { folder, none, hint, decode }: InstanceRole,
  look: (path: string) => Promise<string | undefined>,
): Promise<Credentials> {
  const [role] = ((await look(folder)) ?? '').split('\n');
  const text = role ? await look(`${folder}${role}`) : undefined;
  if (text === undefined) throw new CloudError('E_CLOUD_AUTH', `no ${none}, and the instance has no role`, { hint });
  return decode(text, `credentials of role ${role}`);
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
