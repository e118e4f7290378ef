import { afterEach, describe, expect, test } from 'vitest';
import { list } from '../../../src/leases/kubernetes/list.js';
import { type Item, listWatch, type WatchTiming } from '../../../src/leases/kubernetes/list-watch.js';
import { nodeFromBytes } from '../../../src/leases/kubernetes/node-bytes.js';
import type { StoreState } from '../../../src/leases/store.js';
import { type KubeBed, kubeBed } from '../../support/fake-kube/bed.js';
import { quickClock } from '../../support/fake-kube/clock.js';
import type { Fault } from '../../support/fake-kube/faults.js';
import { makeNode } from '../../support/fake-kube/objects.js';
import type { FakeKubeOptions } from '../../support/fake-kube/server.js';

const TIMING: WatchTiming = { lengthSeconds: 60, idleTimeoutMs: 5000, shortMs: 100 };
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function bedWith(options: FakeKubeOptions = {}, nodes = 3): Promise<KubeBed> {
  const bed = await kubeBed(options);
  endings.push(() => bed.close());
  for (let i = 0; i < nodes; i++)
    bed.kube.nodes.put(makeNode({ name: `node-${String(i).padStart(4, '0')}`, bytes: 1500 }));
  return bed;
}

const read = (bytes: Buffer, span: { from: number; to: number }): Item => nodeFromBytes(bytes, span, 'x/');

/** Follows all Nodes; `names` is what one knows who only heard the events. */
function following(bed: KubeBed, { timing = TIMING, timeoutMs = 5000, random = (): number => 0 } = {}) {
  const controller = new AbortController();
  const clock = { ...quickClock(), random };
  const states: StoreState[] = [];
  const names = new Set<string>();
  let snapshots = 0;
  let events = 0;
  let wake = () => {};
  const onState = (state: StoreState) => {
    states.push(state);
    wake();
  };
  const run = async () => {
    const client = bed.client({ timeoutMs });
    const options = { client, path: '/api/v1/nodes', resource: 'nodes', read, clock, timing, onState };
    for await (const event of listWatch(options, controller.signal)) {
      events++;
      if (event.type === 'snapshot') {
        snapshots++;
        names.clear();
        for (const item of event.items) names.add(item.name);
      } else if (event.type === 'put') names.add(event.item.name);
      else names.delete(event.item.name);
      wake();
    }
  };
  const ended = run();
  endings.push(async () => {
    controller.abort();
    await ended;
  });
  return {
    clock,
    states,
    names,
    snapshots: () => snapshots,
    events: () => events,
    controller,
    ended,
    async until(condition: () => boolean) {
      while (!condition())
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, 20);
        });
    },
  };
}

const fault = (verb: string, what: Fault['what'], left = 1): Fault => ({
  matches: (call) => call.verb === verb,
  what,
  left,
});
const calls = (bed: KubeBed, verb: string) => bed.kube.calls.filter((call) => call.verb === verb);
const failures = (states: readonly StoreState[]) =>
  states.flatMap((state) => (state.state === 'disconnected' ? [state] : []));

describe('list', () => {
  const request = { method: 'GET', path: '/api/v1/nodes', needs: 'list nodes' } as const;
  const signal = new AbortController().signal;

  test('reads pages of 500 from one moment', async () => {
    const bed = await bedWith({}, 1203);
    const listing = await list({ client: bed.client(), request, read, resourceVersion: '' }, signal);
    expect(listing.items).toHaveLength(1203);
    expect(new Set(listing.items.map((item) => item.name)).size).toBe(1203);
    expect(calls(bed, 'list').map((call) => call.query.get('limit'))).toEqual(['500', '500', '500']);
    expect(calls(bed, 'list').every((call) => !call.query.has('resourceVersion'))).toBe(true);
  });

  test('a continue token that expired between pages: all in one', async () => {
    const bed = await bedWith({}, 700);
    const client = bed.client();
    let first = true;
    const compacting: typeof read = (bytes, span) => {
      if (first) bed.kube.nodes.compact();
      first = false;
      return read(bytes, span);
    };
    const listing = await list({ client, request, read: compacting, resourceVersion: '' }, signal);
    expect(listing.items).toHaveLength(700);
    expect(calls(bed, 'list').map((call) => [call.status, call.query.get('limit')])).toEqual([
      [200, '500'],
      [410, '500'],
      [200, null],
    ]);
  });

  test('a slow answer, a few bytes at a time, gives the same', async () => {
    const bed = await bedWith({}, 5);
    const slow = fault('list', { type: 'slow', pieceBytes: 7 });
    bed.kube.faults.push(slow);
    const listing = await list({ client: bed.client(), request, read, resourceVersion: '' }, signal);
    expect(listing.items.map((item) => item.name)).toEqual([
      'node-0000',
      'node-0001',
      'node-0002',
      'node-0003',
      'node-0004',
    ]);
    expect(slow.left).toBe(0);
  });

  test.each<[string, Fault['what'], RegExp]>([
    ['cut short', { type: 'cut', afterBytes: 2500 }, /got half an answer from/],
    ['stalled', { type: 'stall', afterBytes: 2500 }, /silent for 300 ms/],
    ['never answered', { type: 'hang' }, /no response within 300 ms/],
    [
      'no Kubernetes at all',
      { type: 'status', status: 200, body: '<html>welcome</html>' },
      /not what a Kubernetes API server sends/,
    ],
    [
      'overloaded, in plain text',
      { type: 'status', status: 429, body: 'Too many requests, please try again later.' },
      /429: Too many requests/,
    ],
  ])('%s: an error that can be tried again', async (_, what, message) => {
    const bed = await bedWith();
    const broken = fault('list', what);
    bed.kube.faults.push(broken);
    const listing = list({ client: bed.client({ timeoutMs: 300 }), request, read, resourceVersion: '' }, signal);
    await expect(listing).rejects.toMatchObject({
      code: 'E_STORE_UNREACHABLE',
      retry: true,
      message: expect.stringMatching(message),
    });
    expect(broken.left).toBe(0);
  });
});

describe('list and watch', () => {
  test('one streaming watch gives the first state and all changes', async () => {
    const bed = await bedWith();
    const seen = following(bed);
    await seen.until(() => seen.snapshots() === 1);
    bed.kube.nodes.put(makeNode({ name: 'new' }));
    bed.kube.nodes.delete('node-0000');
    await seen.until(() => seen.names.has('new') && !seen.names.has('node-0000'));
    expect(bed.kube.calls.map((call) => call.verb)).toEqual(['watch']);
    expect(bed.kube.calls[0]?.query.get('sendInitialEvents')).toBe('true');
    expect(seen.states).toEqual([{ state: 'connected' }]);
  });

  test('a server that cannot stream lists is asked once, then listed from its cache', async () => {
    const bed = await bedWith({ streams: false });
    const seen = following(bed);
    await seen.until(() => bed.kube.watches() === 1);
    expect(bed.kube.calls.map((call) => [call.verb, call.query.get('resourceVersion')])).toEqual([
      ['watch', ''],
      ['list', '0'],
      ['watch', '1003'],
    ]);
    expect(seen.states).toEqual([{ state: 'connected' }]);
    expect(seen.clock.slept).toEqual([]);
  });

  test.each([true, false])(
    'nothing is lost when connections break in the middle of events (streaming: %s)',
    async (streams) => {
      const bed = await bedWith({ streams });
      const cuts = [1, 2, 3, 4, 5].map((n) => fault('watch', { type: 'cut', afterBytes: 9000 * n + 777 }));
      bed.kube.faults.push(...cuts);
      const seen = following(bed);
      await seen.until(() => seen.snapshots() > 0);
      for (let i = 0; i < 200; i++) {
        bed.kube.nodes.put(makeNode({ name: `late-${i}`, bytes: 1500 }));
        if (i % 2 === 1) bed.kube.nodes.delete(`late-${i - 1}`);
        if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const wanted = bed.kube.nodes.all().map((node) => node.metadata.name);
      await seen.until(() => [...seen.names].sort().join() === wanted.join());
      expect([...seen.names].sort()).toEqual(wanted);
      expect(cuts.filter((cut) => cut.left > 0).length).toBeLessThan(5);
      expect(failures(seen.states).length).toBeGreaterThan(0);
    },
  );

  test('a watch that the server ends in time goes on where it was, without a list and without waiting', async () => {
    const bed = await bedWith({ streams: false });
    const seen = following(bed, { timing: { ...TIMING, lengthSeconds: 1, shortMs: 0 } });
    await seen.until(() => calls(bed, 'watch').length >= 3);
    bed.kube.nodes.put(makeNode({ name: 'later' }));
    await seen.until(() => seen.names.has('later'));
    expect(calls(bed, 'list')).toHaveLength(1);
    expect(seen.snapshots()).toBe(1);
    expect(seen.clock.slept).toEqual([]);
  });

  test('watches ask for lengths of their own, up to a third more than is set, so that they do not end together', async () => {
    const lengths: (string | null | undefined)[] = [];
    for (const random of [0, 0.5, 0.999]) {
      const bed = await bedWith({ streams: false });
      const seen = following(bed, { random: () => random });
      await seen.until(() => bed.kube.watches() === 1);
      lengths.push(calls(bed, 'watch').at(-1)?.query.get('timeoutSeconds'));
    }
    expect(lengths).toEqual(['60', '70', '80']);
  });

  test('bookmarks keep a quiet watch young enough for a compaction', async () => {
    const bed = await bedWith({ streams: false, bookmarkMs: 20 });
    const seen = following(bed);
    await seen.until(() => bed.kube.watches() === 1);
    // Versions that pass us by: events of other kinds, as it were.
    bed.kube.nodes.put(makeNode({ name: 'x' }));
    bed.kube.nodes.delete('x');
    await seen.until(() => seen.events() >= 3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    bed.kube.cut();
    await seen.until(() => calls(bed, 'watch').length === 3);
    expect(calls(bed, 'watch').at(-1)?.query.get('resourceVersion')).toBe(String(bed.kube.nodes.version));
    expect(seen.snapshots()).toBe(1);
  });

  test.each(['http', 'in-stream'] as const)(
    'history is lost, told by %s: another snapshot, at once, of the newest state',
    async (expiry) => {
      const bed = await bedWith({ streams: false, expiry });
      const seen = following(bed);
      await seen.until(() => bed.kube.watches() === 1);
      await bed.kube.stop();
      bed.kube.nodes.delete('node-0001');
      bed.kube.nodes.compact();
      await bed.kube.start();
      await seen.until(() => seen.snapshots() === 2);
      expect([...seen.names]).toEqual(['node-0000', 'node-0002']);
      expect(calls(bed, 'list').at(-1)?.query.has('resourceVersion')).toBe(false);
    },
  );

  test('a server that says nothing at all is given up and asked again', async () => {
    const bed = await bedWith({ streams: false, bookmarkMs: 60_000 });
    const seen = following(bed, { timing: { ...TIMING, idleTimeoutMs: 200 } });
    await seen.until(() => failures(seen.states).length > 0);
    expect(failures(seen.states)[0]?.error.message).toMatch(/silent for 200 ms/);
    bed.kube.nodes.put(makeNode({ name: 'after' }));
    await seen.until(() => seen.names.has('after'));
    expect(seen.snapshots()).toBe(1);
  });

  test('waits as long as the server asks, and longer each time it fails', async () => {
    const bed = await bedWith({ streams: false });
    const busy = {
      type: 'status',
      status: 429,
      body: 'Too many requests, please try again later.',
      headers: { 'retry-after': '7' },
    } as const;
    const down = { type: 'status', status: 503, body: 'apiserver is shutting down' } as const;
    const faults = [fault('list', busy), fault('list', down, 4)];
    bed.kube.faults.push(...faults);
    const seen = following(bed);
    await seen.until(() => seen.snapshots() === 1);
    expect(seen.clock.slept).toEqual([7000, 500, 1000, 2000, 4000]);
    expect(failures(seen.states).map((state) => state.retryInMs)).toEqual(seen.clock.slept);
    expect(faults.map((one) => one.left)).toEqual([0, 0]);
    expect(seen.states.at(-1)).toEqual({ state: 'connected' });
  });

  test('a 410 at every attempt does not make a hot loop', async () => {
    const bed = await bedWith({ streams: false });
    const gone = {
      type: 'status',
      status: 410,
      body: '{"kind":"Status","reason":"Expired","message":"too old","code":410}',
    } as const;
    bed.kube.faults.push(fault('watch', { ...gone, status: 422 }), fault('watch', gone, 5));
    const seen = following(bed);
    await seen.until(() => bed.kube.watches() === 1);
    expect(seen.clock.slept).toEqual([500, 1000, 2000, 4000]);
    expect(calls(bed, 'list')).toHaveLength(6);
  });

  test('refused by RBAC: says so with the rule that is missing, and goes on when it is there', async () => {
    const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }];
    const bed = await bedWith({ rules });
    const seen = following(bed);
    await seen.until(() => failures(seen.states).length > 1);
    expect(failures(seen.states)[0]?.error).toMatchObject({
      code: 'E_STORE_PERMISSION',
      hint: expect.stringContaining('verbs: ["watch"]'),
    });
    rules.push({ apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] });
    await seen.until(() => seen.snapshots() === 1);
  });

  test('ends soon, whatever it is waiting for', async () => {
    for (const what of [{ type: 'hang' }, { type: 'stall', afterBytes: 100 }] as const) {
      const bed = await bedWith();
      const broken = fault('watch', what);
      bed.kube.faults.push(broken);
      const seen = following(bed, { timeoutMs: 60_000, timing: { ...TIMING, idleTimeoutMs: 60_000 } });
      await seen.until(() => broken.left === 0);
      seen.controller.abort();
      await seen.ended; // or the test's own time-out
      expect(seen.snapshots()).toBe(0);
    }
  });
});
