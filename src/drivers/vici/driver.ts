import { asFlanError } from '../../errors.js';
import { ikeDaemonKey } from '../../kinds/ike-daemon.js';
import { connectionName, type IpsecConnection, ipsecConnectionKind } from '../../kinds/ipsec-connection.js';
import { type IpsecSecret, ipsecSecretKey, ipsecSecretKind, secretId, secretOf } from '../../kinds/ipsec-secret.js';
import type { Key, Resource } from '../../planner/kind.js';
import { type Step, subjectOf } from '../../planner/step.js';
import { turns } from '../../sys/turns.js';
import type { Driver, Outcome, Scope } from '../driver.js';
import { type AssociationStatus, associationStatus } from './associations.js';
import type { CharonPlace } from './charon-files.js';
import type { ViciClient } from './client.js';
import { connectionFrom } from './connections.js';
import { charonDaemon } from './daemon.js';
import { followCharon, type Known } from './follow.js';
import { sectionsIn } from './message.js';
import { viciSession } from './session.js';
import type { IpsecStateFile } from './state-file.js';
import { performConnection, performSecret, secretIds } from './steps.js';

export interface ViciDriverInput {
  /** Where charon may listen, the likeliest first. */
  readonly sockets: readonly string[];
  readonly state: IpsecStateFile;
  /** Where to start a charon when none answers; absent: somebody else does. */
  readonly place: CharonPlace | undefined;
  readonly netns: string | undefined;
  /** The key of the network config; undefined when it is of another backend. */
  readonly psk: string | undefined;
}

export interface ViciDriver extends Driver {
  /** How the tunnels do; none when no charon answers. @throws {FlanError} */
  associations(): Promise<readonly AssociationStatus[]>;
  /** Whether there is a charon now. @throws {FlanError} E_PERMISSION */
  isThere(): Promise<boolean>;
}

/** Connections and the shared secret in charon, and charon itself where nobody else runs it. */
export function viciDriver({ sockets, state, place, netns, psk }: ViciDriverInput): ViciDriver {
  const session = viciSession(sockets);
  const known: Known = { connections: new Map(), secrets: new Map() };
  let networks: readonly string[] = [];
  const daemon = charonDaemon({ session, state, place, netns, networks: () => networks });
  const follower = followCharon({ session, known, killIfSilent: daemon.killIfSilent });

  const observe = async ({ ownership, wants }: Scope): Promise<{ resources: Resource[]; others: number }> => {
    known.connections.clear();
    known.secrets.clear();
    networks = ownership.networks;
    const client = await session.find();
    const ike = daemon.seen({ isWanted: wants(ikeDaemonKey), answers: client !== undefined });
    if (client === undefined) return { resources: [...ike], others: 0 };
    const listed = (await client.list('list-conns', 'list-conn')).flatMap(sectionsIn);
    const connections = listed.flatMap(([name, about]) => connectionFrom(name, about) ?? []);
    const isOurs = (one: IpsecConnection): boolean => ipsecConnectionKind.owns(one, ownership);
    // Ours first: of two on one key that is the one to go by.
    const seen = connections
      .filter((one) => isOurs(one) || wants(ipsecConnectionKind.key(one)))
      .sort((a, b) => Number(isOurs(b)) - Number(isOurs(a)));
    const secrets = oneEach((await secretIds(client)).flatMap((id) => secretOf(id) ?? [])).filter(
      (secret) => ipsecSecretKind.owns(secret, ownership) || wants(ipsecSecretKey(secret)),
    );
    for (const one of seen.filter(isOurs)) known.connections.set(connectionName(one), one);
    for (const secret of secrets) known.secrets.set(secretId(secret), ipsecSecretKey(secret));
    follower.checkSoon();
    return {
      resources: [...ike, ...secrets, ...seen],
      others: listed.length - seen.filter(isOurs).length,
    };
  };

  const performOne = async (client: ViciClient, step: Step): Promise<void> => {
    const { kind } = subjectOf(step);
    // Ours that has ended is not the one that answers.
    const isNoted = state.read() !== undefined && daemon.own() !== 'ended';
    if (step.action !== 'delete' && !isNoted) state.write({ socket: session.socket ?? '' });
    if (kind === 'ipsec-secret') await performSecret(client, { step, psk });
    else await performConnection(client, step);
    settled(step);
  };
  const settled = (step: Step): void => {
    const before = step.action === 'create' ? undefined : step.before;
    if (before?.kind === 'ipsec-connection') known.connections.delete(connectionName(before as IpsecConnection));
    if (before?.kind === 'ipsec-secret') known.secrets.delete(secretId(before as IpsecSecret));
    if (step.action === 'delete') {
      if (known.connections.size === 0 && known.secrets.size === 0 && daemon.own() === 'none') state.remove();
      return;
    }
    const { after } = step;
    if (after.kind === 'ipsec-connection')
      known.connections.set(connectionName(after as IpsecConnection), after as never);
    else known.secrets.set(secretId(after as IpsecSecret), step.key);
    follower.checkSoon();
  };

  const perform = async (step: Step, signal: AbortSignal): Promise<Outcome> => {
    try {
      if (step.key === ikeDaemonKey) await daemon.perform(step, signal);
      else {
        const client = step.action === 'delete' ? await session.find() : await session.open();
        // What was in a charon that has ended is gone.
        if (client !== undefined) await performOne(client, step);
      }
      return { step, status: 'done' };
    } catch (cause) {
      signal.throwIfAborted();
      const error = asFlanError(cause);
      return { step, status: error.code === 'E_RACE' ? 'raced' : 'failed', error };
    }
  };

  const inTurn = turns();
  return {
    name: 'vici',
    kinds: ['ike-daemon', 'ipsec-secret', 'ipsec-connection'],
    observe: (scope) =>
      inTurn(async () => {
        const { resources, others } = await observe(scope);
        return { resources, foreign: others === 0 ? {} : { 'ipsec-connection': others } };
      }),
    perform: (steps, signal) =>
      inTurn(async () => {
        const outcomes: Outcome[] = [];
        for (const step of steps) outcomes.push(await perform(step, signal));
        return outcomes;
      }),
    follow: (_scope, tell, signal) => follower.start({ tell, signal, inTurn }),
    associations: async () => {
      const client = await session.find();
      return client === undefined ? [] : associationStatus(client, Date.now());
    },
    isThere: async () => {
      try {
        return (await session.find()) !== undefined;
      } catch (cause) {
        // One that does not answer holds its ports all the same.
        if (asFlanError(cause).code === 'E_CHARON') return true;
        throw cause;
      }
    },
    close: () => session.close(),
  };
}

/** One resource for each key. Two secrets under one are what an update that was cut short left: it is done again. */
function oneEach(secrets: readonly IpsecSecret[]): readonly IpsecSecret[] {
  const found = new Map<Key, IpsecSecret>();
  for (const secret of secrets) {
    const other = found.get(ipsecSecretKey(secret));
    found.set(ipsecSecretKey(secret), other === undefined ? secret : { ...secret, psk: `${other.psk} ${secret.psk}` });
  }
  return [...found.values()];
}
