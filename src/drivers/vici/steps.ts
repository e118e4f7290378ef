import { FlanError } from '../../errors.js';
import { childName, connectionName, type IpsecConnection } from '../../kinds/ipsec-connection.js';
import { type IpsecSecret, ipsecSecretKey, pskName, secretId, secretOf } from '../../kinds/ipsec-secret.js';
import { type Step, subjectOf } from '../../planner/step.js';
import type { ViciClient } from './client.js';
import { connectionMessage, startsFirst } from './connections.js';
import { listIn, type ViciMessage } from './message.js';

/** Asked for and not waited for: what comes of it charon tells by events. */
const WITHOUT_WAITING = { timeout: '-1' };

/** @throws {FlanError} E_CHARON */
export async function performConnection(client: ViciClient, step: Step): Promise<void> {
  if (step.action === 'delete') return unload(client, step.before as IpsecConnection);
  const after = step.after as IpsecConnection;
  await client.request('load-conn', connectionMessage(after));
  if (step.action !== 'create') {
    const before = step.before as IpsecConnection;
    if (connectionName(before) !== connectionName(after)) await unload(client, before);
    // What was agreed on before would go on as it was.
    else await terminate(client, connectionName(after));
  }
  if (step.action !== 'create' || startsFirst(after)) await initiate(client, after);
}

async function unload(client: ViciClient, connection: IpsecConnection): Promise<void> {
  const name = connectionName(connection);
  // Somebody else may have been quicker: what matters is that it is not there.
  await quietly(client.request('unload-conn', { name }));
  await terminate(client, name);
}

/** Its SAs go at once, whether the peer answers or not. That there are none is as good. */
async function terminate(client: ViciClient, name: string): Promise<void> {
  await quietly(client.request('terminate', { ike: name, force: 'yes', ...WITHOUT_WAITING }));
}

/** Starts to negotiate. A peer that is not there yet is tried until it is. */
export async function initiate(client: ViciClient, connection: IpsecConnection): Promise<void> {
  const [ike, child] = [connectionName(connection), childName(connection)];
  await quietly(client.request('initiate', { ike, child, ...WITHOUT_WAITING }));
}

/** charon's refusal is an answer here; that it is gone is not. */
async function quietly(request: Promise<ViciMessage>): Promise<void> {
  try {
    await request;
  } catch (cause) {
    if (!(cause instanceof FlanError) || cause.retry) throw cause;
  }
}

export interface SecretStep {
  readonly step: Step;
  /** The key of the network config; undefined when the config has none. */
  readonly psk: string | undefined;
}

/** @throws {FlanError} E_CHARON; E_RACE when the config has another key than the step is about */
export async function performSecret(client: ViciClient, { step, psk }: SecretStep): Promise<void> {
  const subject = subjectOf(step) as IpsecSecret;
  const wanted = step.action === 'delete' ? undefined : secretId(subject);
  if (wanted !== undefined) {
    if (psk === undefined || pskName(psk) !== subject.psk) {
      throw new FlanError('E_RACE', 'the key in the network config changed meanwhile', { retry: true });
    }
    await client.request('load-shared', { id: wanted, type: 'IKE', data: psk, owners: [subject.owner] });
  }
  for (const id of await secretIds(client)) {
    const other = secretOf(id);
    if (id === wanted || other === undefined || ipsecSecretKey(other) !== ipsecSecretKey(subject)) continue;
    await client.request('unload-shared', { id });
  }
}

/** @throws {FlanError} E_CHARON */
export const secretIds = async (client: ViciClient): Promise<readonly string[]> =>
  listIn(await client.request('get-shared'), 'keys');
