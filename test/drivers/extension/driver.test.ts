import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notice, Scope } from '../../../src/drivers/driver.js';
import { type ExtensionDriver, extensionDriver } from '../../../src/drivers/process/driver.js';
import { openJournal } from '../../../src/drivers/process/journal.js';
import { commandRunner } from '../../../src/drivers/process/run-command.js';
import type { FlanError } from '../../../src/errors.js';
import type { ExtensionCommand, ExtensionCommands } from '../../../src/kinds/extension-command.js';
import { type ExtensionPeer, extensionPeer } from '../../../src/kinds/extension-peer.js';
import type { ExtensionStartup } from '../../../src/kinds/extension-startup.js';
import { kinds } from '../../../src/kinds/index.js';
import { parseAddress, parsePrefix } from '../../../src/model/ip.js';
import type { Resource } from '../../../src/planner/kind.js';
import { type Plan, plan } from '../../../src/planner/plan.js';

const NETWORK = '10.244.0.0/16';
const signal = new AbortController().signal;
const sh = (run: string): ExtensionCommand => ({ run, shell: true });

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-extension-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Each command writes a line here. */
const log = (): string[] => {
  const path = join(dir, 'log');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  rmSync(path, { force: true });
  return lines;
};
const says = (what: string): ExtensionCommand =>
  sh(`echo "${what} $SUBNET $PUBLIC_IP $(head -c 40)" >>${join(dir, 'log')}`);

const none: ExtensionCommands = {
  ...{ pre: undefined, post: undefined, startupCheck: undefined, shutdown: undefined },
  ...{ add: undefined, remove: undefined, check: undefined },
};
const basic = (): ExtensionCommands => ({ ...none, add: says('add'), remove: says('remove') });

interface Host {
  readonly driver: ExtensionDriver;
  readonly fatal: readonly FlanError[];
  readonly notices: readonly Notice[];
  plan(desired: readonly Resource[]): Promise<Plan>;
  /** Plans, performs, and says how each step ended. */
  apply(desired: readonly Resource[]): Promise<readonly string[]>;
}

function host(commands: ExtensionCommands | undefined, place = 'boot ns'): Host {
  const fatal: FlanError[] = [];
  const notices: Notice[] = [];
  const journal = openJournal({ folder: join(dir, 'journal'), place: () => place });
  const run = commandRunner({ timeoutMs: 5_000 });
  const driver = extensionDriver({ journal, run, commands, onFatal: (error) => fatal.push(error) });
  const make = async (list: readonly Resource[]): Promise<Plan> => {
    const desired = new Map(list.map((resource) => [kinds.key(resource), { resource, because: 'test' }]));
    const ownership = { protocol: 70, networks: [NETWORK] };
    const scope: Scope = {
      ownership,
      families: [4, 6],
      tables: [],
      wants: (key) => desired.has(key),
      named: list,
      routesMatter: false,
    };
    const { resources } = await driver.observe(scope, signal);
    const observed = new Map(resources.map((resource) => [kinds.key(resource), resource]));
    return plan({ desired, observed, kinds, ownership });
  };
  return {
    ...{ driver, fatal, notices },
    plan: make,
    apply: async (list) => {
      await driver.follow?.({} as Scope, (notice) => notices.push(notice), signal);
      const { steps } = await make(list);
      const outcomes = await driver.perform(steps, signal);
      return outcomes.map(({ step, status }) => `${step.action} ${step.key.split('/')[1]} ${status}`);
    },
  };
}

const peer = (
  n: number,
  change: { readonly [K in keyof ExtensionPeer]?: ExtensionPeer[K] | undefined } = {},
): ExtensionPeer => {
  const {
    kind: _kind,
    dataName: _name,
    state: _state,
    ...init
  } = {
    network: NETWORK,
    subnet: parsePrefix(`10.244.${n}.0/24`),
    publicIp: parseAddress(`192.168.10.${n}`),
    data: `data-${n}`,
    variables: {},
    ...basic(),
    afterStartup: false,
    ...change,
  } as ExtensionPeer;
  const { network, subnet, publicIp, data, variables, add, remove, afterStartup } = init;
  return extensionPeer({
    ...{ network, data, variables, afterStartup },
    ...(subnet && { subnet }),
    ...(publicIp && { publicIp }),
    ...(add && { add }),
    ...(remove && { remove }),
  });
};

const startup = (change: Partial<ExtensionStartup> = {}): ExtensionStartup => ({
  ...{ kind: 'extension-startup', network: NETWORK, variables: {}, state: 'applied' },
  ...change,
});

describe('peers without a check command', () => {
  it('are added once, and removed once, across runs', async () => {
    expect(await host(basic()).apply([peer(2), peer(3)])).toEqual(['create 10.244.2.0 done', 'create 10.244.3.0 done']);
    expect(log()).toEqual(['add 10.244.2.0/24 192.168.10.2 data-2', 'add 10.244.3.0/24 192.168.10.3 data-3']);
    expect(await host(basic()).apply([peer(2), peer(3)])).toEqual([]);
    expect(await host(basic()).apply([peer(3)])).toEqual(['delete 10.244.2.0 done']);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.2 data-2']);
    expect(await host(basic()).apply([peer(3)])).toEqual([]);
  });

  it('that publish something else are removed as they were and added as they are', async () => {
    await host(basic()).apply([peer(2)]);
    log();
    expect(await host(basic()).apply([peer(2, { publicIp: parseAddress('192.168.10.77') })])).toEqual([
      'replace 10.244.2.0 done',
    ]);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.2 data-2', 'add 10.244.2.0/24 192.168.10.77 data-2']);
    expect(await host(basic()).apply([peer(2, { publicIp: parseAddress('192.168.10.77'), data: 'new' })])).toEqual([
      'replace 10.244.2.0 done',
    ]);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.77 data-2', 'add 10.244.2.0/24 192.168.10.77 new']);
  });

  it('are added again where this node is told otherwise, with nothing removed', async () => {
    await host(basic()).apply([peer(2)]);
    log();
    expect(await host(basic()).apply([peer(2, { variables: { OWN_MTU: '1400' } })])).toEqual([
      'update 10.244.2.0 done',
    ]);
    expect(log()).toEqual(['add 10.244.2.0/24 192.168.10.2 data-2']);
  });

  it('are removed by the command that belongs to the one that added them, mended if the config mends it', async () => {
    const broken = { ...basic(), remove: sh('exit 1') };
    await host(broken).apply([peer(2, broken)]);
    expect(await host(broken).apply([])).toEqual(['delete 10.244.2.0 failed']);
    expect(await host(basic()).apply([])).toEqual(['delete 10.244.2.0 done']);
    await host(basic()).apply([peer(2)]);
    log();
    const other = { ...none, add: says('other add'), remove: says('other remove') };
    expect(await host(other).apply([peer(2, other)])).toEqual(['replace 10.244.2.0 done']);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.2 data-2', 'other add 10.244.2.0/24 192.168.10.2 data-2']);
    // Of another backend nothing is known but what was written down.
    expect(await host(undefined).apply([])).toEqual(['delete 10.244.2.0 done']);
    expect(log()).toEqual(['other remove 10.244.2.0/24 192.168.10.2 data-2']);
  });

  it('learn of another remove command with nothing run', async () => {
    await host(basic()).apply([peer(2)]);
    log();
    const other = { ...basic(), remove: says('better') };
    expect(await host(other).apply([peer(2, other)])).toEqual(['update 10.244.2.0 done']);
    expect(log()).toEqual([]);
    await host(undefined).apply([]);
    expect(log()).toEqual(['better 10.244.2.0/24 192.168.10.2 data-2']);
  });

  it('whose command fails are tried again, say why, and hold nobody up', async () => {
    const failing = {
      ...basic(),
      add: sh('if test $SUBNET = 10.244.2.0/24; then printf "no\\033[2Juse" >&2; exit 4; fi'),
    };
    const first = host(failing);
    expect(await first.apply([peer(2, failing), peer(3, failing)])).toEqual([
      'create 10.244.2.0 failed',
      'create 10.244.3.0 done',
    ]);
    expect(first.notices).toMatchObject([{ type: 'seen', resource: { subnet: '10.244.2.0/24', state: 'unfinished' } }]);
    const { steps } = await host(failing).plan([peer(2, failing), peer(3, failing)]);
    expect(steps).toMatchObject([{ action: 'update', fields: ['state'], before: { state: 'unfinished' } }]);
    const [outcome] = await first.driver.perform(steps, signal);
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        code: 'E_EXTENSION',
        retry: true,
        message: 'SubnetAddCommand for 10.244.2.0/24 ended with exit code 4: no?[2Juse',
      },
    });
  });

  it('whose command failed are removed all the same when they go: half of it may be there', async () => {
    const failing = { ...basic(), add: sh('exit 1') };
    await host(failing).apply([peer(2, failing)]);
    expect(await host(failing).apply([])).toEqual(['delete 10.244.2.0 done']);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.2 data-2']);
  });

  it('of another network, of another namespace and of another boot are left alone', async () => {
    await host(basic()).apply([peer(2)]);
    log();
    const foreign = { ...peer(2), network: '10.99.0.0/16' };
    const { driver } = host(basic());
    const step = { action: 'create', key: kinds.key(foreign), after: foreign, needs: [], reason: '' } as const;
    await driver.perform([step], signal);
    log();
    expect(await host(basic()).apply([peer(2)])).toEqual([]);
    expect(await host(basic(), 'boot other').apply([peer(2)])).toEqual(['create 10.244.2.0 done']);
    expect(await host(basic()).apply([peer(2)])).toEqual([]);
    // A boot later nothing of it is there, and nothing is left of what told of it.
    const later = host(basic(), 'later ns');
    await later.driver.prepare({ network: NETWORK, variables: {} }, signal);
    expect(readdirSync(join(dir, 'journal'))).toEqual([]);
    expect(await later.apply([])).toEqual([]);
  });
});

describe('peers with a check command', () => {
  const there = (n: number): string => join(dir, `there-${n}`);
  const commands = (): ExtensionCommands => {
    const file = `${dir}/there-$(echo $SUBNET | cut -d. -f3)`;
    return {
      ...none,
      add: sh(`echo add >>${dir}/log; echo $PUBLIC_IP >${file}`),
      remove: sh(`echo remove >>${dir}/log; rm ${file}`),
      check: sh(`test -e ${file}`),
    };
  };
  const checked = (n: number): ExtensionPeer => peer(n, commands());

  it('are seen as they are: what somebody took away is made again', async () => {
    expect(await host(commands()).apply([checked(2)])).toEqual(['create 10.244.2.0 done']);
    expect(await host(commands()).apply([checked(2)])).toEqual([]);
    rmSync(there(2));
    expect(await host(commands()).apply([checked(2)])).toEqual(['create 10.244.2.0 done']);
    expect(readFileSync(there(2), 'utf8')).toBe('192.168.10.2\n');
  });

  it('that are there already are only written down', async () => {
    writeFileSync(there(2), 'by hand');
    const { steps } = await host(commands()).plan([checked(2)]);
    expect(steps).toMatchObject([{ action: 'update', before: { state: 'unrecorded' } }]);
    expect(await host(commands()).apply([checked(2)])).toEqual(['update 10.244.2.0 done']);
    expect(log()).toEqual([]);
    expect(await host(commands()).apply([])).toEqual(['delete 10.244.2.0 done']);
    expect(existsSync(there(2))).toBe(false);
  });

  it('that are gone already need no removing', async () => {
    await host(commands()).apply([checked(2)]);
    rmSync(there(2));
    log();
    expect(await host(commands()).apply([])).toEqual(['delete 10.244.2.0 done']);
    expect(log()).toEqual([]);
  });

  it('of which nothing can be known stop the plan instead of changing anything', async () => {
    await host(commands()).apply([checked(2)]);
    for (const check of [{ run: '/no/such/check', shell: false }, sh('no-such-check'), sh('kill -9 $$')]) {
      await expect(host({ ...commands(), check }).plan([checked(2)])).rejects.toMatchObject({ code: 'E_EXTENSION' });
    }
  });

  it('may be many', async () => {
    const many = Array.from({ length: 50 }, (_, i) => checked(i + 2));
    expect(await host(commands()).apply(many)).toHaveLength(50);
    rmSync(there(7));
    expect(await host(commands()).apply(many)).toEqual(['create 10.244.7.0 done']);
  });
});

describe('the start-up', () => {
  const full = (): ExtensionCommands => ({
    ...basic(),
    pre: sh(`echo pre >>${dir}/log; echo " key $(cat ${dir}/key 2>/dev/null) "`),
    post: sh(`echo post >>${dir}/log; touch ${dir}/device`),
    shutdown: sh(`echo shutdown >>${dir}/log; rm ${dir}/device`),
    startupCheck: sh(`test -e ${dir}/device`),
  });
  const wanted = (): readonly Resource[] => {
    const { post, shutdown } = full();
    return [startup({ ...(post && { post }), ...(shutdown && { shutdown }) }), peer(2, { afterStartup: true })];
  };
  const prepare = (one: Host) => one.driver.prepare({ network: NETWORK, variables: {} }, signal);
  const ADD = 'add 10.244.2.0/24 192.168.10.2 data-2';

  it('is done once, before the peers', async () => {
    const first = host(full());
    expect(first.driver.startupOutput(NETWORK)).toBeUndefined();
    expect(await prepare(first)).toBe('made');
    expect(first.driver.startupOutput(NETWORK)).toBe('key');
    expect(await first.apply(wanted())).toEqual(['create 10.244.0.0 done', 'create 10.244.2.0 done']);
    expect(log()).toEqual(['pre', 'post', ADD]);
    const second = host(full());
    expect(await prepare(second)).toBe('nothing');
    expect(await second.apply(wanted())).toEqual([]);
    expect(second.driver.startupOutput(NETWORK)).toBe('key');
    expect(log()).toEqual([]);
  });

  it('that is lost is done again, and everything on top of it', async () => {
    const first = host(full());
    await prepare(first);
    await first.apply(wanted());
    log();
    rmSync(join(dir, 'device'));
    const again = host(full());
    expect((await again.plan(wanted())).steps).toMatchObject([
      { action: 'update', before: { kind: 'extension-startup', state: 'in doubt' } },
      { action: 'update', before: { kind: 'extension-peer', state: 'in doubt' } },
    ]);
    expect(log()).toEqual([]);
    // As `apply` does it…
    expect(await prepare(again)).toBe('made');
    expect(await again.apply(wanted())).toEqual(['update 10.244.0.0 done', 'update 10.244.2.0 done']);
    expect(log()).toEqual(['pre', 'post', ADD]);
    // …and as `watch` does, which hears of another output and has it published.
    rmSync(join(dir, 'device'));
    writeFileSync(join(dir, 'key'), 'two');
    expect(await again.apply(wanted())).toEqual(['update 10.244.0.0 done', 'update 10.244.2.0 done']);
    expect(log()).toEqual(['pre', 'post', ADD]);
    expect(again.notices).toMatchObject([{ type: 'host' }]);
    expect(again.driver.startupOutput(NETWORK)).toBe('key two');
    expect(await again.apply(wanted())).toEqual([]);
  });

  it('that is told something else is done again with nothing else', async () => {
    const first = host(full());
    await prepare(first);
    await first.apply(wanted());
    log();
    const [base, other] = wanted();
    const told: ExtensionStartup = { ...(base as ExtensionStartup), variables: { OWN_MTU: '1400' } };
    expect(await first.apply([told, ...(other ? [other] : [])])).toEqual(['update 10.244.0.0 done']);
    expect(log()).toEqual(['post']);
  });

  it('that another PreStartupCommand is for is done again', async () => {
    await prepare(host(full()));
    await host(full()).apply(wanted());
    log();
    const changed = { ...full(), pre: sh(`echo other >>${dir}/log; echo other`) };
    expect(await prepare(host(changed))).toBe('made');
    expect(await host(changed).apply(wanted())).toEqual(['update 10.244.0.0 done', 'update 10.244.2.0 done']);
    expect(log()).toEqual(['other', 'post', ADD]);
  });

  it('that fails is fatal the first time, and blocks nothing later', async () => {
    const failing = { ...full(), post: sh('echo no device >&2; exit 1') };
    const list = [startup({ ...(failing.post && { post: failing.post }) }), peer(2, { afterStartup: true })];
    const first = host(failing);
    await prepare(first);
    const { steps } = await first.plan(list);
    expect(await first.driver.perform(steps.slice(0, 1), signal)).toMatchObject([{ status: 'failed' }]);
    expect(first.fatal).toMatchObject([
      { code: 'E_EXTENSION', message: 'PostStartupCommand ended with exit code 1: no device' },
    ]);
    expect(steps[1]?.needs).toEqual([steps[0]?.key]);
    // Once it has worked, a later failure is tried again.
    const works = host(full());
    await prepare(works);
    await works.apply(wanted());
    rmSync(join(dir, 'device'));
    const later = host({ ...full(), post: failing.post });
    await later.plan(wanted());
    expect(later.fatal).toEqual([]);
  });

  it('ends with ShutdownCommand, with which all is gone', async () => {
    const one = host(full());
    await prepare(one);
    await one.apply(wanted());
    log();
    await one.driver.shutDown(NETWORK, signal);
    expect(log()).toEqual(['shutdown']);
    await one.driver.shutDown(NETWORK, signal);
    expect(log()).toEqual([]);
    expect(readdirSync(join(dir, 'journal'))).toEqual([]);
  });

  it('is undone after the peers when nothing is wanted any more', async () => {
    const one = host(full());
    await prepare(one);
    await one.apply(wanted());
    log();
    expect(await host(undefined).apply([])).toEqual(['delete 10.244.2.0 done', 'delete 10.244.0.0 done']);
    expect(log()).toEqual(['remove 10.244.2.0/24 192.168.10.2 data-2', 'shutdown']);
    expect(readdirSync(join(dir, 'journal'))).toEqual([]);
  });

  it.each([
    ['fails', sh('echo oops >&2; exit 7'), 'PreStartupCommand ended with exit code 7: oops'],
    ['writes too much', sh('head -c 100000 /dev/zero | tr "\\0" x'), 'wrote more than 65536 bytes'],
  ] as const)('whose first command %s does not begin', async (_what, pre, why) => {
    const one = host({ ...full(), pre });
    await expect(prepare(one)).rejects.toMatchObject({ code: 'E_EXTENSION', message: expect.stringContaining(why) });
    expect(one.driver.startupOutput(NETWORK)).toBeUndefined();
  });
});

describe('the journal', () => {
  const folder = (): string => join(dir, 'journal');
  const only = (): string => join(folder(), readdirSync(folder())[0] ?? '');

  it('is for root alone, and not believed where others could have written it', async () => {
    await host(basic()).apply([peer(2)]);
    chmodSync(folder(), 0o777);
    await expect(host(basic()).plan([])).rejects.toMatchObject({ code: 'E_PERMISSION' });
  });

  it.each(['', '{', '[]', '{"format":1,"place":"boot ns","entry":{"type":"peer","network":"x"}}'])(
    'that is damaged (%j) is told, by its place',
    async (text) => {
      await host(basic()).apply([peer(2)]);
      const path = only();
      writeFileSync(path, text);
      await expect(host(basic()).plan([])).rejects.toMatchObject({ code: 'E_DATA', where: path });
    },
  );

  it('of a later format is passed over', async () => {
    await host(basic()).apply([peer(2)]);
    writeFileSync(only(), '{"format":2}');
    expect(await host(basic()).apply([])).toEqual([]);
  });
});
