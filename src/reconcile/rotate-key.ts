import { asFlanError, FlanError } from '../errors.js';
import { readWireguardKey, replaceWireguardKey, type WireguardKey, writeWireguardKey } from '../host/wireguard-key.js';
import type { WireguardDevice } from '../kinds/wireguard-device.js';
import type { Step } from '../planner/plan.js';
import { type Clock, sleep } from './clock.js';
import { scopeOf } from './inputs.js';
import { viewOwnLease } from './own-lease.js';
import type { Session } from './session.js';
import { requestOf, survey, withOwn } from './survey.js';

export interface RotateInput {
  readonly session: Session;
  /** The key file. */
  readonly path: string;
  readonly signal: AbortSignal;
}

export interface Rotation {
  /** Public keys. */
  readonly before: string | undefined;
  readonly now: string;
  readonly devices: readonly string[];
}

/**
 * Gives this node another WireGuard key: the file, the devices, then the lease. In this order, because peers shake hands
 * as soon as they read the new key, and have to find it in use then. What fails puts the old key back.
 * @throws {FlanError}
 */
export async function rotateKey({ session, path, signal }: RotateInput): Promise<Rotation> {
  const before = readWireguardKey(path);
  const key = replaceWireguardKey(path);
  try {
    const devices = await setDevices({ session, signal });
    await publish({ session, signal });
    return { before: before?.publicKey, now: key.publicKey, devices };
  } catch (cause) {
    const error = asFlanError(cause);
    if (before !== undefined) await putBack({ session, path, signal, before });
    throw error;
  }
}

type Edge = Pick<RotateInput, 'session' | 'signal'>;

async function setDevices({ session, signal }: Edge): Promise<readonly string[]> {
  const steps = (await devicesOf({ session, signal })).map(({ before, after }): Step => {
    const fields = ['publicKey'];
    return { action: 'update', key: session.kinds.key(after), before, after, fields, needs: [], reason: 'rotate-key' };
  });
  for (const outcome of await session.drivers.perform(steps, signal)) {
    if (outcome.status !== 'done') throw outcome.error;
  }
  return steps.map((step) => ('after' in step ? (step.after as WireguardDevice).dev : ''));
}

/** The devices that are there, and what they should be by the key file. */
async function devicesOf({ session, signal }: Edge) {
  const { inputs } = survey(session);
  const local = inputs.backend.local(inputs.context);
  const wanted = local.filter((one): one is WireguardDevice => one.kind === 'wireguard-device');
  const keys = new Map(wanted.map((resource) => [session.kinds.key(resource), { resource, because: '' }]));
  const { observed } = await session.drivers.observe(scopeOf(inputs, keys), session.kinds, signal);
  return wanted.flatMap((after) => {
    const before = observed.get(session.kinds.key(after)) as WireguardDevice | undefined;
    // One that is not ours is for a plan to say so.
    return before?.onOwnLink ? [{ before, after }] : [];
  });
}

async function publish({ session, signal }: Edge): Promise<void> {
  const seen = survey(session);
  const { leases } = await session.store.list(signal);
  const { own } = viewOwnLease(leases, seen.request, session.kinds);
  if (own === undefined) return;
  await session.store.acquire(requestOf(withOwn(seen.inputs, own), seen.previous), signal);
}

async function putBack({ before, path, ...edge }: RotateInput & { readonly before: WireguardKey }): Promise<void> {
  writeWireguardKey(path, before);
  // The first error is the one to tell; what this one leaves wrong the next apply repairs, by the file.
  await setDevices(edge).catch(() => undefined);
}

/** How long a daemon may take until its devices have the key of the file. */
const TAKE_OVER_MS = 15_000;
const LOOK_MS = 50;

export interface HandOverInput extends RotateInput {
  readonly clock: Clock;
}

/**
 * The same where a daemon serves this host: it hears of the file, and does the rest.
 * @throws {FlanError} E_RACE when it does not
 */
export async function handOverKey({ session, path, signal, clock }: HandOverInput): Promise<Rotation> {
  const before = readWireguardKey(path);
  const { publicKey } = replaceWireguardKey(path);
  const endMs = clock.nowMs() + TAKE_OVER_MS;
  for (;;) {
    const devices = await devicesOf({ session, signal });
    if (devices.length > 0 && devices.every((one) => one.before.publicKey === publicKey)) {
      return { before: before?.publicKey, now: publicKey, devices: devices.map(({ after }) => after.dev) };
    }
    if (clock.nowMs() > endMs) break;
    await sleep(clock, LOOK_MS, signal);
  }
  throw new FlanError('E_RACE', `${path} holds a new key, but the flan that serves this host has not taken it over`, {
    hint: 'Look at what it does; once it has ended, run `flan apply`.',
    retry: true,
  });
}
