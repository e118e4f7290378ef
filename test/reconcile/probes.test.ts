import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/reconcile/clock.js';
import { parseProbe, runProbes, waitForProbes } from '../../src/reconcile/probes.js';
import type { Session } from '../../src/reconcile/session.js';
import { inNetns } from '../../src/sys/netns.js';
import { kernelTest } from '../support/kernel.js';

const signal = new AbortController().signal;

describe('parseProbe', () => {
  it.each([
    ['tcp://192.168.10.2:22', { type: 'tcp', host: '192.168.10.2', port: 22 }],
    ['tcp://[fd00::2]:22', { type: 'tcp', host: 'fd00::2', port: 22 }],
    ['tcp://etcd.example:2379/', { type: 'tcp', host: 'etcd.example', port: 2379 }],
    ['icmp://10.0.0.1', { type: 'icmp', host: '10.0.0.1' }],
    ['icmp://[fd00::2]', { type: 'icmp', host: 'fd00::2' }],
    ['cmd:curl -fs http://x/ | grep -q ok', { type: 'cmd', command: 'curl -fs http://x/ | grep -q ok' }],
    ['store', { type: 'store' }],
    ['gateway', { type: 'gateway' }],
  ])('%s', (text, probe) => expect(parseProbe(text)).toEqual({ ...probe, text }));

  it.each([
    '',
    'tcp://x',
    'tcp://x:0',
    'tcp://x:70000',
    'tcp://:22',
    'icmp://x:22',
    'icmp://',
    'cmd:',
    'udp://x:1',
    'stores',
  ])('refuses %j', (text) => expect(() => parseProbe(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' })));
});

type Edge = Pick<Session, 'store' | 'facts'>;
const store = (network: () => Promise<never>) => ({ network }) as unknown as Session['store'];
const session = (network: () => Promise<unknown>, gateway?: string): Edge => ({
  store: store(network as () => Promise<never>),
  facts: () => ({
    ...{ hostname: 'x', links: [], lookups: {} },
    defaultRoutes: gateway === undefined ? [] : [{ family: 4, dev: 'lo', metric: 0, via: gateway as never }],
  }),
});

describe('runProbes', () => {
  kernelTest('tries inside the namespace, and says in a few words why not', {}, async ({ netns, onEnd }) => {
    const server = createServer((socket) => socket.end());
    onEnd(() => server.close());
    const fd = await listenIn(netns.name, server);
    const run = async (text: string, edge = session(async () => ({}))): Promise<string | undefined> => {
      const [result] = await runProbes([parseProbe(text)], { session: edge, netns: netns.name }, signal);
      return result?.failure;
    };
    expect(await run(`tcp://127.0.0.1:${fd}`)).toBeUndefined();
    expect(await run('tcp://127.0.0.1:9')).toBe('ECONNREFUSED');
    expect(await run('tcp://192.0.2.1:9')).toBe('ENETUNREACH');
    expect(await run('icmp://127.0.0.1')).toBeUndefined();
    expect(await run('icmp://192.0.2.1')).toContain('unreachable');
    expect(await run('cmd:ip link show lo')).toBeUndefined();
    expect(await run('cmd:test "$(ip -o link | wc -l)" = 1')).toBeUndefined();
    expect(await run('cmd:exit 3')).toBe('exit code 3');
    expect(await run('store')).toBeUndefined();
    expect(
      await run(
        'store',
        session(() => Promise.reject(new Error('gone away'))),
      ),
    ).toBe('gone away');
    expect(await run('gateway')).toBe('there is no default gateway');
    expect(
      await run(
        'gateway',
        session(async () => ({}), '127.0.0.1'),
      ),
    ).toBeUndefined();
    // One that never answers is no answer.
    expect(
      await run(
        'store',
        session(() => new Promise(() => undefined)),
      ),
    ).toBe('no answer in 2 s');
    expect(await run('cmd:sleep 60')).toBe('no answer in 2 s');
  });

  /** The socket is made in the namespace, at once, as a handle of this process. */
  function listenIn(name: string, server: ReturnType<typeof createServer>): Promise<number> {
    return new Promise((resolve, reject) => {
      server.on('error', reject);
      server.on('listening', () => resolve((server.address() as { port: number }).port));
      inNetns(name, () => void server.listen(0));
    });
  }
});

describe('waitForProbes', () => {
  it('waits for what comes up late, and tells what does not', async () => {
    let tries = 0;
    const late = session(() => (++tries < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve({})));
    const input = { clock: systemClock, signal, netns: undefined, probes: [parseProbe('store')] };
    expect(await waitForProbes({ ...input, session: late, withinMs: 20_000 })).toEqual([]);
    expect(tries).toBe(3);
    const never = session(() => Promise.reject(new Error('never')));
    expect(await waitForProbes({ ...input, session: never, withinMs: 1 })).toMatchObject([{ failure: 'never' }]);
  });

  it('ends with the signal', async () => {
    const stop = new AbortController();
    const never = session(() => Promise.reject(new Error('never')));
    const waiting = waitForProbes({
      ...{ clock: systemClock, signal: stop.signal, netns: undefined, probes: [parseProbe('store')] },
      ...{ session: never, withinMs: 60_000 },
    });
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });
});
