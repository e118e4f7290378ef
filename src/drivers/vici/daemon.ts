import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asFlanError } from '../../errors.js';
import { IKE_DAEMON, type IkeDaemon } from '../../kinds/ike-daemon.js';
import type { Step } from '../../planner/plan.js';
import { isRunning } from '../../sys/process-mark.js';
import { endCharon, killCharon, startCharon, stopCharon } from './charon.js';
import { type CharonPlace, charonSocket, removeFiles } from './charon-files.js';
import { openVici, type ViciClient } from './client.js';
import { listIn } from './message.js';
import { removePolicies } from './policies.js';
import { type ViciSession, viciSession } from './session.js';
import type { IpsecStateFile } from './state-file.js';
import { secretIds } from './steps.js';

export interface CharonDaemonInit {
  readonly session: ViciSession;
  readonly state: IpsecStateFile;
  /** Where to start a charon when none answers; absent: somebody else does. */
  readonly place: CharonPlace | undefined;
  readonly netns: string | undefined;
  /** Between whose subnets policies are ours. */
  readonly networks: () => readonly string[];
}

/** charon as a process: whose it is, and how it begins and ends. */
export interface CharonDaemon {
  /** The one that flan started. */
  own(): 'running' | 'ended' | 'none';
  /** As a look found it. */
  seen(look: { readonly isWanted: boolean; readonly answers: boolean }): readonly IkeDaemon[];
  /** @throws {FlanError} E_CHARON, E_PERMISSION */
  perform(step: Step, signal: AbortSignal): Promise<void>;
  /** Kills the one that flan started if that is the one that is asked, and it answers nothing. @returns its process id */
  killIfSilent(): Promise<number | undefined>;
}

/** How long a charon that somebody else runs is given to come back before flan starts one. */
const GRACE_MS = 5_000;
const GRACE_POLL_MS = 250;

export function charonDaemon({ session, state, place, netns, networks }: CharonDaemonInit): CharonDaemon {
  let hasAnswered = false;

  const own = (): 'running' | 'ended' | 'none' => {
    const charon = state.read()?.charon;
    return charon === undefined ? 'none' : isRunning(charon) ? 'running' : 'ended';
  };

  const begin = async (signal: AbortSignal): Promise<void> => {
    if (hasAnswered && own() === 'none') await comesBack(signal);
    if ((await session.find()) !== undefined) return;
    if (place === undefined) {
      await session.open();
      return;
    }
    // One of ours that does not answer is of no use to anybody.
    const before = state.read()?.charon;
    if (before !== undefined) await endCharon(before);
    await startCharon({ place, born: (charon) => state.write({ socket: charonSocket(place), charon }), signal });
  };

  const comesBack = async (signal: AbortSignal): Promise<void> => {
    for (let waitedMs = 0; waitedMs < GRACE_MS; waitedMs += GRACE_POLL_MS) {
      if ((await session.find()) !== undefined) return;
      await sleep(GRACE_POLL_MS, undefined, { signal });
    }
  };

  const end = async (): Promise<void> => {
    const { charon, socket = '' } = state.read() ?? {};
    // Another one may be the one that was asked so far.
    const ours = viciSession([socket]);
    try {
      const client = await ours.find();
      // Somebody has put something of their own into it: it is left to them.
      if (charon !== undefined && (client === undefined || (await isEmpty(client)))) {
        // What is asked next is not to be asked of one that has ended.
        session.close();
        await (client === undefined ? endCharon(charon) : stopCharon(charon));
        // One that was killed has not cleaned up after itself.
        if (client === undefined) removePolicies({ netns, networks: networks() });
        if (socket !== '') removeFiles(dirname(socket));
      }
    } finally {
      ours.close();
    }
    state.remove();
  };

  return {
    own,
    seen: ({ isWanted, answers }) => {
      hasAnswered ||= answers;
      if (isWanted) return answers ? [IKE_DAEMON] : [];
      const how = own();
      return how === 'none' ? [] : [{ ...IKE_DAEMON, state: how }];
    },
    perform: (step, signal) => (step.action === 'delete' ? end() : begin(signal)),
    killIfSilent: async () => {
      const { charon, socket } = state.read() ?? {};
      if (charon === undefined || socket === undefined || socket !== session.socket) return undefined;
      if (!isRunning(charon) || !(await isSilent(socket))) return undefined;
      session.close();
      await killCharon(charon);
      return charon.pid;
    },
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

/** Whether not even the simplest question is answered. @throws {FlanError} E_PERMISSION */
async function isSilent(socket: string): Promise<boolean> {
  let client: ViciClient | undefined;
  try {
    client = await openVici(socket);
    await client.request('version');
    return false;
  } catch (cause) {
    const error = asFlanError(cause);
    if (error.code !== 'E_CHARON') throw error;
    return error.retry;
  } finally {
    client?.close();
  }
}
