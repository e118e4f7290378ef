import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asFlanError } from '../../errors.js';
import { IKE_DAEMON, type IkeDaemon, ikeDaemonKey } from '../../kinds/ike-daemon.js';
import { connectionName, type IpsecConnection, ipsecConnectionKind } from '../../kinds/ipsec-connection.js';
import { type IpsecSecret, ipsecSecretKey, ipsecSecretKind, secretId, secretOf } from '../../kinds/ipsec-secret.js';
import type { Key, Resource } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import type { Driver, Outcome, Scope } from '../driver.js';
import { turns } from '../turns.js';
import { type AssociationStatus, associationStatus } from './associations.js';
import { type CharonPlace, charonSocket, isRunning, removeFiles, startCharon, stopCharon } from './charon.js';
import type { ViciClient } from './client.js';
import { connectionFrom } from './connections.js';
import { followCharon, type Known } from './follow.js';
import { listIn, sectionsIn } from './message.js';
import { removePolicies } from './policies.js';
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
  /** Whether a charon answers now. @throws {FlanError} E_PERMISSION */
  isThere(): Promise<boolean>;
}

/** How long a charon that somebody else runs is given to come back before flan starts one. */
const GRACE_MS = 5_000;
const GRACE_POLL_MS = 250;

/** Connections and the shared secret in charon, and charon itself where nobody else runs it. */
export function viciDriver({ sockets, state, place, netns, psk }: ViciDriverInput): ViciDriver {
  const session = viciSession(sockets);
  const known: Known = { connections: new Map(), secrets: new Map() };
  const follower = followCharon({ session, known });
  let hasAnswered = false;
  let networks: readonly string[] = [];

  const observe = async ({ ownership, wants }: Scope): Promise<{ resources: Resource[]; others: number }> => {
    known.connections.clear();
    known.secrets.clear();
    networks = ownership.networks;
    const client = await session.find();
    const daemon = daemonSeen({ isWanted: wants(ikeDaemonKey), answers: client !== undefined });
    if (client === undefined) return { resources: daemon, others: 0 };
    hasAnswered = true;
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
      resources: [...daemon, ...secrets, ...seen],
      others: listed.length - seen.filter(isOurs).length,
    };
  };

  const ownCharon = (): 'running' | 'ended' | 'none' => {
    const charon = state.read()?.charon;
    return charon === undefined ? 'none' : isRunning(charon) ? 'running' : 'ended';
  };
  const daemonSeen = ({ isWanted, answers }: { isWanted: boolean; answers: boolean }): IkeDaemon[] => {
    if (isWanted) return answers ? [IKE_DAEMON] : [];
    const own = ownCharon();
    return own === 'none' ? [] : [{ ...IKE_DAEMON, state: own }];
  };

  const performDaemon = async (step: Step, signal: AbortSignal): Promise<void> => {
    if (step.action === 'delete') return endDaemon();
    if (hasAnswered && !wasOurs()) await comesBack(signal);
    if ((await session.find()) !== undefined) return;
    if (place === undefined) {
      await session.open();
      return;
    }
    // One of ours that does not answer is of no use to anybody.
    const before = state.read()?.charon;
    if (before !== undefined) await stopCharon(before);
    await startCharon({ place, born: (charon) => state.write({ socket: charonSocket(place), charon }), signal });
  };
  const wasOurs = (): boolean => state.read()?.charon !== undefined;
  const comesBack = async (signal: AbortSignal): Promise<void> => {
    for (let waitedMs = 0; waitedMs < GRACE_MS; waitedMs += GRACE_POLL_MS) {
      if ((await session.find()) !== undefined) return;
      await sleep(GRACE_POLL_MS, undefined, { signal });
    }
  };
  const endDaemon = async (): Promise<void> => {
    const { charon, socket = '' } = state.read() ?? {};
    // Another one may be the one that was asked so far.
    const ours = viciSession([socket]);
    const client = await ours.find();
    // Somebody has put something of their own into it: it is left to them.
    if (charon !== undefined && (client === undefined || (await isEmpty(client)))) {
      // What is asked next is not to be asked of one that has ended.
      session.close();
      await stopCharon(charon);
      // One that was killed has not cleaned up after itself.
      if (client === undefined) removePolicies({ netns, networks });
      if (socket !== '') removeFiles(dirname(socket));
    }
    ours.close();
    state.remove();
  };

  const performOne = async (client: ViciClient, step: Step): Promise<void> => {
    const { kind } = step.action === 'delete' ? step.before : step.after;
    // Ours that has ended is not the one that answers.
    const isNoted = state.read() !== undefined && ownCharon() !== 'ended';
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
      if (known.connections.size === 0 && known.secrets.size === 0 && !wasOurs()) state.remove();
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
      if (step.key === ikeDaemonKey) await performDaemon(step, signal);
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
    isThere: async () => (await session.find()) !== undefined,
    close: () => session.close(),
  };
}

/** Whether nobody has anything in it: neither connections nor credentials. @throws {FlanError} E_CHARON */
async function isEmpty(client: ViciClient): Promise<boolean> {
  const lists = [
    listIn(await client.request('get-conns'), 'conns'),
    await secretIds(client),
    listIn(await client.request('get-keys'), 'keys'),
  ];
  return lists.every(({ length }) => length === 0);
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
