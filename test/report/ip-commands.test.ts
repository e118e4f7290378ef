import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FdbEntry } from '../../src/kinds/fdb.js';
import type { Link } from '../../src/kinds/link.js';
import type { Neighbour } from '../../src/kinds/neighbour.js';
import { parsePrefix } from '../../src/model/ip.js';
import { parseMac } from '../../src/model/mac.js';
import type { Step } from '../../src/planner/plan.js';
import { planCommands } from '../../src/report/ip-commands.js';
import { kernelTest } from '../support/kernel.js';
import { address, change, create, documentOf, remove, someFile, someRoute } from './fixtures.js';

const dir = mkdtempSync(join(tmpdir(), 'flan-ip-commands-'));
afterAll(() => rmSync(dir, { recursive: true }));
const commands = (...steps: Step[]): string => planCommands(documentOf(steps));

describe('a plan as ip commands', () => {
  it('adds, replaces and deletes in the order of execution, a reason over each', () => {
    expect(
      commands(
        create(someRoute()),
        change(someRoute('10.244.3.0/24'), someRoute('10.244.3.0/24', '192.168.10.3')),
        remove(someRoute('fd00:2::/64', 'fd00::2')),
      ),
    ).toBe(
      [
        '# lease of node-b\nip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70',
        '# lease of node-b\nip route replace 10.244.3.0/24 via 192.168.10.3 dev eth0 proto 70',
        '# no lease asks for it any more\nip -6 route del fd00:2::/64 via fd00::2 dev eth0 proto 70 metric 1024',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['it\'s $(id) `id` "quoted" \\ \n* ; rm -rf /\n', 'plain'],
    ['', "pa'th with $HOME; and | more"],
    ['%s %d \\n\n', '-n'],
  ])('write %j to a file named %j as it is', (content, name) => {
    const path = join(dir, name);
    execFileSync('sh', ['-euc', commands(create(someFile(content, path)))], { cwd: dir });
    expect(readFileSync(path, 'utf8')).toBe(content);
    execFileSync('sh', ['-euc', commands(remove(someFile(content, path)))], { cwd: dir });
    expect(existsSync(path)).toBe(false);
  });

  it('carry out nothing that a reason says', () => {
    const victim = join(dir, 'owned');
    const script = commands(create(someFile('x\n', join(dir, 'f')), `lease of x\ntouch ${victim}\r\ntouch ${victim}`));
    execFileSync('sh', ['-euc', script]);
    expect(existsSync(victim)).toBe(false);
  });
});

kernelTest('what the commands make is what the plan says', { needs: ['vxlan', 'veth'] }, async ({ netns }) => {
  await netns.sh('ip link add eth0 type veth peer name far0; ip link set far0 up; ip link set eth0 up');
  await netns.sh('ip address add 192.168.10.1/24 dev eth0');
  const link: Link = {
    ...{ kind: 'link', name: 'flannel.9', type: 'vxlan', up: true, mtu: 1450, mac: parseMac('0a:00:00:00:00:01') },
    ...{ alias: "flan it's 10.244.0.0/16", local: address('192.168.10.1'), underlay: 'eth0', learning: false },
    fixed: { vni: 9, port: 8472, family: 4, gbp: false, extras: [] },
  };
  const mac = parseMac('0a:00:00:00:00:02');
  const neighbour: Neighbour = {
    ...{ kind: 'neighbour', dev: 'flannel.9', address: address('10.244.2.0'), mac, permanent: true, proto: 70 },
  };
  const entry: FdbEntry = {
    ...{ kind: 'fdb', dev: 'flannel.9', mac, dst: address('192.168.10.2'), permanent: true, onOwnLink: true },
  };
  const tunnelled = {
    ...someRoute(),
    ...{ dst: parsePrefix('10.244.2.0/24'), via: address('10.244.2.0'), dev: 'flannel.9', onlink: true },
  };
  const made = [link, neighbour, entry, tunnelled, someRoute('10.244.3.0/24', '192.168.10.3')];
  await netns.sh(commands(...made.map((one) => create(one))));
  expect(await netns.ip('-d link show dev flannel.9')).toContain("alias flan it's 10.244.0.0/16");
  expect(await netns.ip('-d link show dev flannel.9')).toMatch(/vxlan id 9 local 192.168.10.1 dev eth0 .*dstport 8472/);
  expect(await netns.ip('neighbour show dev flannel.9')).toContain('10.244.2.0 lladdr 0a:00:00:00:00:02');
  expect(await netns.sh('bridge fdb show dev flannel.9')).toContain('0a:00:00:00:00:02 dst 192.168.10.2');
  expect(await netns.ip('route show proto 70')).toMatch(/^10.244.2.0\/24 via 10.244.2.0 dev flannel.9 onlink/m);
  expect(await netns.ip('route show proto 70')).toMatch(/^10.244.3.0\/24 via 192.168.10.3 dev eth0/m);
  await netns.sh(commands(...made.reverse().map((one) => remove(one))));
  expect(await netns.ip('route show proto 70')).toBe('');
  expect(await netns.ip('-o link show')).not.toContain('flannel.9');
});
