import { readFileSync, statSync } from 'node:fs';
import type { Settings } from '../../config/settings.js';
import type { DoctorFacts, LockFacts, SubnetEnvFacts, Trouble } from '../../doctor/facts.js';
import { isInstalled } from '../../drivers/run-tool.js';
import { asFlanError } from '../../errors.js';
import { gatherFacts } from '../../host/facts.js';
import { readHostState } from '../../host/state/read.js';
import { networksOf } from '../../model/network.js';
import { type Preview, preview } from '../../reconcile/preview.js';
import type { Session } from '../../reconcile/session.js';
import { lockState } from '../../reconcile/status-lock.js';
import { parseSubnetEnv } from '../../traffic/subnet-env.js';
import { openSession } from '../session.js';
import { overlayFacts } from './overlay.js';
import { storeFacts } from './store-facts.js';

/** What doctor judges, and what it came from for whoever wants to look further. */
export interface Gathered {
  readonly facts: DoctorFacts;
  readonly preview: Preview | undefined;
}

/** Reads everything that can be read; what cannot becomes the trouble that is told. Changes nothing. */
export async function gather(settings: Settings, signal: AbortSignal): Promise<Gathered> {
  const { netns } = settings;
  const asked = storeFacts(settings, signal);
  const { session, trouble: closed } = await opened(settings, signal);
  try {
    const { shown, trouble } = session === undefined ? {} : await previewed(session, signal);
    const links = shown?.survey.facts.links ?? gatherFacts({ netns }).links;
    const facts: DoctorFacts = {
      nowMs: Date.now(),
      netns,
      host: readHostState({
        netns,
        devices: links.map(({ name }) => name),
        programs: ['wireguard-go'].filter((program) => isInstalled(program, { netns })),
      }),
      store: await asked,
      lock: session === undefined ? {} : lockFacts(settings, session),
      subnetEnv: subnetEnvFacts(settings.subnetFile),
      overlay: shown && session && (await overlayFacts({ preview: shown, session, netns, signal })),
      trouble: closed ?? trouble,
    };
    return { facts, preview: shown };
  } finally {
    await session?.close();
  }
}

async function opened(settings: Settings, signal: AbortSignal) {
  try {
    return { session: await openSession(settings, signal) };
  } catch (cause) {
    signal.throwIfAborted();
    return { trouble: troubleOf(cause) };
  }
}

async function previewed(session: Session, signal: AbortSignal) {
  try {
    return { shown: await preview({ session, adopt: 'no', signal }) };
  } catch (cause) {
    signal.throwIfAborted();
    return { trouble: troubleOf(cause) };
  }
}

function troubleOf(cause: unknown): Trouble {
  const { code, message, hint } = asFlanError(cause);
  return { code, message, hint };
}

function lockFacts(settings: Settings, { network }: Session): LockFacts {
  const lock = lockState({ ...settings, networks: networksOf(network) });
  return lock.state === 'held' ? { holder: lock.holder } : {};
}

function subnetEnvFacts(path: string): SubnetEnvFacts {
  try {
    const text = readFileSync(path, 'utf8');
    const mtu = /^FLANNEL_MTU=(\d+)$/m.exec(text)?.[1];
    const mode = statSync(path).mode & 0o777;
    return { path, state: 'there', values: parseSubnetEnv(text), mode, ...(mtu && { mtu: Number(mtu) }) };
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return { path, state: code === 'ENOENT' ? 'missing' : 'unreadable', values: { networks: [] } };
  }
}
