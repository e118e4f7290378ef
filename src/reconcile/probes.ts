import { lookup } from 'node:dns/promises';
import { runTool } from '../drivers/run-tool.js';
import { asFlanError, FlanError } from '../errors.js';
import { type Address, familyOf, tryAddress } from '../model/ip.js';
import { tcpConnect } from '../sys/tcp-connect.js';
import { type Clock, sleep } from './clock.js';
import { runCommandLine } from './probes-command.js';
import type { Session } from './session.js';

/** Something that must work after an apply if it worked before. */
export type Probe =
  | { readonly type: 'tcp'; readonly text: string; readonly host: string; readonly port: number }
  | { readonly type: 'icmp'; readonly text: string; readonly host: string }
  | { readonly type: 'cmd'; readonly text: string; readonly command: string }
  /** The lease store answers. */
  | { readonly type: 'store'; readonly text: string }
  /** The default gateway answers a ping. */
  | { readonly type: 'gateway'; readonly text: string };

/** `tcp://HOST:PORT`, `icmp://HOST`, `cmd:COMMAND`, `store`, `gateway`. @throws {FlanError} E_USAGE */
export function parseProbe(text: string): Probe {
  if (text === 'store' || text === 'gateway') return { type: text, text };
  if (text.startsWith('cmd:') && text.trim().length > 4) return { type: 'cmd', text, command: text.slice(4) };
  const [, scheme, bracketed, plain, port] =
    /^(tcp|icmp):\/\/(?:\[([^\]]+)\]|([^\s/:[\]]+))(?::(\d{1,5}))?\/?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (scheme === 'icmp' && host !== undefined && port === undefined) return { type: 'icmp', text, host };
  const number = Number(port);
  if (scheme === 'tcp' && host !== undefined && number > 0 && number < 65_536) {
    return { type: 'tcp', text, host, port: number };
  }
  throw new FlanError('E_USAGE', `'${text}' is no probe`, {
    hint: 'Write tcp://HOST:PORT, icmp://HOST, cmd:COMMAND, store or gateway; an IPv6 address in brackets.',
  });
}

export interface ProbeEdge {
  readonly session: Pick<Session, 'store' | 'facts'>;
  readonly netns: string | undefined;
}

export interface ProbeResult {
  readonly probe: Probe;
  /** Why it failed, in a few words; undefined when it passed. */
  readonly failure: string | undefined;
}

/** One try of one probe. */
const TRY_MS = 2_000;
/** Between two tries of what fails. */
const AGAIN_MS = 250;

/** Tries every probe once, all at the same time. Never throws but for the signal's reason. */
export const runProbes = (probes: readonly Probe[], edge: ProbeEdge, signal: AbortSignal): Promise<ProbeResult[]> =>
  Promise.all(
    probes.map(async (probe) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]);
      try {
        return { probe, failure: await tryOnce(probe, edge, limit) };
      } catch (cause) {
        signal.throwIfAborted();
        return { probe, failure: limit.aborted ? `no answer in ${TRY_MS / 1000} s` : asFlanError(cause).message };
      }
    }),
  );

export interface PassInput extends ProbeEdge {
  readonly probes: readonly Probe[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long probes may go on failing: an ARP entry or a link takes its time to come up. */
  readonly withinMs: number;
}

/** Waits until all have passed at once. @returns those that failed to the end */
export async function waitForProbes({ probes, clock, signal, withinMs, ...edge }: PassInput): Promise<ProbeResult[]> {
  if (probes.length === 0) return [];
  const endMs = clock.nowMs() + withinMs;
  for (;;) {
    const failed = (await runProbes(probes, edge, signal)).filter(({ failure }) => failure !== undefined);
    if (failed.length === 0 || clock.nowMs() >= endMs) return failed;
    await sleep(clock, AGAIN_MS, signal);
  }
}

async function tryOnce(probe: Probe, { session, netns }: ProbeEdge, signal: AbortSignal): Promise<string | undefined> {
  switch (probe.type) {
    case 'store':
      await withSignal(session.store.network(signal), signal);
      return undefined;
    case 'tcp': {
      const address = await addressOf(probe.host, signal);
      return await tcpConnect({ address, port: probe.port, netns, timeoutMs: TRY_MS });
    }
    case 'icmp':
      return await ping(await addressOf(probe.host, signal), netns, signal);
    case 'gateway': {
      const gateways = session.facts().defaultRoutes.flatMap(({ via }) => via ?? []);
      if (gateways.length === 0) return 'there is no default gateway';
      const answers = await Promise.all(gateways.map((gateway) => ping(gateway, netns, signal)));
      return answers.includes(undefined) ? undefined : answers[0];
    }
    case 'cmd': {
      const code = await runCommandLine(probe.command, { netns, signal });
      return code === 0 ? undefined : `exit code ${code ?? 'none'}`;
    }
  }
}

async function ping(address: Address, netns: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  const args = [familyOf(address) === 4 ? '-4' : '-6', '-n', '-q', '-c', '1', '-W', '1', address];
  const call = { program: 'ping', args, debianPackage: 'iputils-ping', neededFor: 'probes by ICMP' };
  const { code, stderr } = await runTool({ ...call, children: new Set() }, { netns }, signal);
  return code === 0 ? undefined : stderr.trim().split('\n')[0] || `${address} does not answer`;
}

/** Names are resolved as this process does it, wherever the probe runs. */
async function addressOf(host: string, signal: AbortSignal): Promise<Address> {
  const address = tryAddress(host) ?? tryAddress((await withSignal(lookup(host), signal)).address);
  if (address === undefined) throw new FlanError('E_USAGE', `'${host}' is no address`);
  return address;
}

/** For what does not listen to a signal. */
function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, aborted]);
}
