import { execFileSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import type { Driver, Notice, Outcome, Scope } from '../../src/drivers/driver.js';
import { netlinkDriver } from '../../src/drivers/netlink/driver.js';
import { kinds } from '../../src/kinds/index.js';
import { type Route, route } from '../../src/kinds/route.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import type { Key } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';

const signal = new AbortController().signal;
const needs = ['veth', 'ipv6'] as const;

const to = (dst: string, via: string, more: Partial<Route> = {}): Route =>
  route({ dst: parsePrefix(dst), via: parseAddress(via), dev: 'v0', ...more });
const B = to('10.5.2.0/24', '192.168.77.2');
const SIX = to('fd00:5:2::/64', 'fd00:77::2');

const create = (after: Route): Step => ({ action: 'create', key: kinds.key(after), after, needs: [], reason: 'test' });
const update = (before: Route, after: Route): Step => ({
  ...{ action: 'update', key: kinds.key(after), before, after, needs: [], reason: 'test' },
  fields: kinds.differing(before, after),
});
const remove = (before: Route): Step => ({
  action: 'delete',
  key: kinds.key(before),
  before,
  needs: [],
  reason: 'test',
});

const scopeOf = (wanted: readonly Route[], devices: readonly string[] = []): Scope => {
  const keys = new Set<Key>(wanted.map((one) => kinds.key(one)));
  const ownership = { protocol: 70, networks: ['10.5.0.0/16', 'fd00:5::/32'] };
  return { ownership, families: [4, 6], tables: [254], wants: (key) => keys.has(key), named: [], devices };
};

interface Bed {
  readonly driver: Driver;
  readonly ip: (words: string) => Promise<string>;
  readonly perform: (...steps: readonly Step[]) => Promise<readonly string[]>;
  readonly outcomes: (...steps: readonly Step[]) => Promise<readonly Outcome[]>;
}

async function bed({ netns, onEnd }: KernelContext): Promise<Bed> {
  await netns.sh(
    [
      'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad',
      'ip link add v0 type veth peer name v1',
      'ip address add 192.168.77.1/24 dev v0; ip address add fd00:77::1/64 dev v0 nodad',
      'ip link set v0 up; ip link set v1 up',
      // The kernel gives these in its own time, and they would be news later.
      'for end in v0 v1; do until ip -6 address show dev $end | grep -q fe80; do sleep 0.01; done; done',
    ].join('; '),
  );
  const driver = netlinkDriver({ socket: CommandSocket.open({ netns: netns.name }), netns: netns.name });
  onEnd(() => driver.close());
  await driver.observe(scopeOf([B, SIX]), signal);
  const outcomes = (...steps: readonly Step[]) => driver.perform(steps, signal);
  const word = (outcome: Outcome): string =>
    outcome.status === 'done' ? 'done' : `${outcome.status} ${outcome.error.code}`;
  return { driver, ip: netns.ip, outcomes, perform: async (...steps) => (await outcomes(...steps)).map(word) };
}

describe('a step that finds the world changed', () => {
  for (const [family, own] of [
    ['IPv4', B],
    ['IPv6', SIX],
  ] as const) {
    const [flag, other] = own === B ? ['-4', '192.168.77.9'] : ['-6', 'fd00:77::9'];
    kernelTest(
      `of an ${family} route is done where there is nothing to do, and raced where somebody was faster`,
      { needs },
      async (context) => {
        const { perform, ip } = await bed(context);
        expect(await perform(remove(own))).toEqual(['done']);
        expect(await perform(create(own), create(own))).toEqual(['done', 'done']);
        await ip(`${flag} route replace ${own.dst} via ${other} dev v0 proto static`);
        expect(await perform(create(own))).toEqual(['raced E_RACE']);
        // The deletion of ours does not hit what took its place.
        expect(await perform(remove(own))).toEqual(['done']);
        expect(await ip(`${flag} route show ${own.dst}`)).toContain(`via ${other}`);
        await ip(`${flag} route del ${own.dst}`);
        expect(await perform(update(to(own.dst, other), own))).toEqual(['done']);
        expect(await ip(`${flag} route show ${own.dst}`)).toContain(`via ${own.via}`);
      },
    );
  }
});

describe('many routes by gateways', () => {
  const many = Array.from({ length: 700 }, (_, i) => {
    const [high, low] = [i >> 4, (i & 15) << 4];
    return to(`10.5.${high}.${low}/28`, `172.30.${(i + 2) >> 8}.${(i + 2) & 255}`);
  });

  kernelTest('are spread over scopes, and nothing but `ip route` shows it', { needs }, async (context) => {
    const { driver, ip, outcomes } = await bed(context);
    await ip('address add 172.30.0.1/16 dev v0');
    const count = async (words: string) => (await ip(`route show ${words}`)).split('\n').filter(Boolean).length;
    const seen = async () => (await driver.observe(scopeOf(many), signal)).resources.filter(isOfMany);
    const isOfMany = ({ kind }: { readonly kind: string }) => kind === 'route';
    expect(new Set((await outcomes(...many.map(create))).map(({ status }) => status))).toEqual(new Set(['done']));
    expect([await count('proto 70'), await count('proto 70 scope global')]).toEqual([700, 256]);
    const sorted = (routes: readonly unknown[]) => routes.map((one) => JSON.stringify(one)).sort();
    expect(sorted(await seen())).toEqual(sorted(many));
    // The last one is in another scope than the first, and is used, changed and deleted like it.
    const last = many.at(-1) ?? B;
    expect(await ip(`route get ${last.dst.replace(/\d+\/28$/, '1')}`)).not.toContain('unreachable');
    const moved = { ...last, via: parseAddress('172.30.9.9') };
    expect(await outcomes(update(last, moved))).toMatchObject([{ status: 'done' }]);
    expect(await ip(`route show ${last.dst}`)).toContain('via 172.30.9.9');
    expect(new Set((await outcomes(...many.map(remove))).map(({ status }) => status))).toEqual(new Set(['done']));
    expect([await count('proto 70'), await seen()]).toEqual([0, []]);
    // Few start over in scope `global`.
    await outcomes(create(B));
    expect(await count('proto 70 scope global')).toBe(1);
  });
});

describe('a step that cannot be', () => {
  kernelTest('hurts only itself among many of one batch, and says what, where and why', { needs }, async (context) => {
    const { outcomes, ip } = await bed(context);
    const good = Array.from({ length: 299 }, (_, i) =>
      create(to(`10.5.${i >> 4}.${(i & 15) << 4}/28`, '192.168.77.2')),
    );
    const unreachable = create(to('10.5.99.0/24', '203.0.113.1'));
    const linkless = create(to('10.5.98.0/24', '192.168.77.2', { dev: 'nothere' }));
    const all = await outcomes(...good.slice(0, 150), unreachable, linkless, ...good.slice(150));
    expect(all.filter(({ status }) => status === 'done')).toHaveLength(good.length);
    expect(all.find(({ step }) => step === unreachable)).toMatchObject({
      ...{ status: 'failed' },
      error: {
        code: 'E_NETLINK',
        message: expect.stringMatching(/10\.5\.99\.0\/24.*203\.0\.113\.1.*ENETUNREACH/),
        hint: expect.any(String),
      },
    });
    expect(all.find(({ step }) => step === linkless)).toMatchObject({
      ...{ status: 'failed' },
      error: { code: 'E_LINK_MISSING', message: expect.stringContaining("'nothere'"), retry: true },
    });
    expect((await ip('route show proto 70')).trim().split('\n')).toHaveLength(good.length);
  });

  kernelTest('is made once its link is there, and is gone when its link is gone', { needs }, async (context) => {
    const { perform, ip } = await bed(context);
    expect(await perform(create(B))).toEqual(['done']);
    await ip('link set v0 down');
    expect(await perform(create(B))).toEqual(['failed E_NETLINK']);
    await ip('link del v0');
    expect(await perform(remove(B))).toEqual(['done']);
    expect(await perform(create(SIX))).toEqual(['failed E_NETLINK']);
  });
});

describe('observing', () => {
  kernelTest('sees ours and what stands on wanted keys, and counts the rest', { needs }, async (context) => {
    const { driver, perform, ip } = await bed(context);
    const none = (await driver.observe(scopeOf([B]), signal)).foreign.route ?? 0;
    await perform(create(SIX), create(to('10.5.7.0/24', '192.168.77.7')));
    await ip('route add 10.5.2.0/24 via 192.168.77.8 dev v0 proto static');
    await ip('route add 10.5.3.0/24 via 192.168.77.8 dev v0 proto static');
    await ip('route add 10.5.2.0/24 via 192.168.77.8 dev v0 metric 5 proto static');
    const { resources, foreign } = await driver.observe(scopeOf([B]), signal);
    expect(resources.map((one) => kinds.key(one)).sort()).toEqual([
      'route/main/10.5.2.0/24',
      'route/main/10.5.7.0/24',
      'route/main/fd00:5:2::/64',
    ]);
    expect(foreign.route).toBe(none + 3);
  });

  kernelTest(
    'takes the first of several routes under one key: the one that packets follow',
    { needs },
    async (context) => {
      const { driver, perform, ip } = await bed(context);
      await perform(create(B));
      await ip('route append 10.5.2.0/24 via 192.168.77.8 dev v0 proto static');
      const { resources } = await driver.observe(scopeOf([B]), signal);
      expect(resources.find((one) => kinds.key(one) === kinds.key(B))).toEqual(B);
      // What the driver answers to one more creation follows from the same view.
      expect(await perform(create(B))).toEqual(['done']);
      expect((await ip('route get 10.5.2.1')).trim()).toContain('via 192.168.77.2');
    },
  );
});

describe('following', () => {
  kernelTest('tells what others do in its order, and nothing of its own doing', { needs }, async (context) => {
    const { driver, perform, ip } = await bed(context);
    const heard: Notice[] = [];
    await driver.follow?.(scopeOf([B]), (notice) => heard.push(notice), signal);
    const until = waiter(heard);
    await perform(create(B), create(SIX), remove(SIX));
    await ip('route replace 10.5.2.0/24 via 192.168.77.9 dev v0 proto static');
    await ip('route del 10.5.2.0/24 via 192.168.77.9');
    await until(({ type }) => type === 'gone');
    expect(heard).toEqual([
      {
        ...{ type: 'seen', key: kinds.key(B), by: 'routing protocol 4' },
        resource: to('10.5.2.0/24', '192.168.77.9', { proto: 4 }),
      },
      { type: 'gone', key: kinds.key(B), by: 'routing protocol 4' },
    ]);
  });

  kernelTest(
    'doubts everything on a link that went down, for its IPv4 routes go without a word',
    { needs },
    async (context) => {
      const { driver, perform, ip } = await bed(context);
      const heard: Notice[] = [];
      await driver.follow?.(scopeOf([B]), (notice) => heard.push(notice), signal);
      await perform(create(B));
      await ip('link set v0 down');
      await waiter(heard)(({ type }) => type === 'doubt');
      expect(heard).toContainEqual({ type: 'doubt', why: 'link v0 changed' });
      expect(heard).toContainEqual({ type: 'host', why: 'link v0 changed' });
      expect(heard.some(({ type }) => type === 'gone')).toBe(false);
    },
  );

  kernelTest('says that anything may have changed when events were lost', { needs }, async (context) => {
    const { driver } = await bed(context);
    const heard: Notice[] = [];
    await driver.follow?.(scopeOf([B]), (notice) => heard.push(notice), signal);
    // While this process waits and reads nothing.
    const flood =
      'seq 0 99999 | awk \'{ printf "route add 10.%d.%d.%d/32 dev v0\\n", $1 / 65536 + 64, $1 / 256 % 256, $1 % 256 }\'';
    execFileSync('ip', ['netns', 'exec', context.netns.name, 'sh', '-ec', `${flood} | ip -batch -`]);
    await waiter(heard)(({ type }) => type === 'doubt');
    const why = 'kernel events were lost (ENOBUFS)';
    expect(heard).toEqual(
      expect.arrayContaining([
        { type: 'doubt', why },
        { type: 'host', why },
      ]),
    );
  });

  kernelTest('leaves out veth ends of containers, but not those that carry the overlay', { needs }, async (context) => {
    const { driver, ip } = await bed(context);
    const heard: Notice[] = [];
    await driver.follow?.(scopeOf([], ['v0']), (notice) => heard.push(notice), signal);
    await ip('link set v1 mtu 1400');
    await ip('link add c0 type veth peer name c1');
    await ip('link del c0');
    await ip('link set v0 mtu 1300');
    await waiter(heard)(({ type }) => type === 'host');
    expect(new Set(heard.map((notice) => ('why' in notice ? notice.why : notice.type)))).toEqual(
      new Set(['link v0 changed']),
    );
  });
});

/** Waits for the first notice that matches. */
const waiter = (heard: readonly Notice[]) => async (matches: (notice: Notice) => boolean) => {
  for (let i = 0; !heard.some(matches); i++) {
    if (i > 1000) throw new Error(`it never came: ${JSON.stringify(heard)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
