import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDeb, ROOT } from './build-deb.js';
import { runAgain, shapeOf, shownInDoc, writeDoc } from './install-doc.js';
import { bootMachine, type Machine, reversioned, whyNoMachine } from './machine.js';
import { scratch } from './scratch.js';
import { toolTest } from './tool-test.js';

const UNIT = join(ROOT, 'packaging/systemd/flan.service');
/** What the daemon is kept from, in the words of systemd-analyze; less what the unit itself says it needs. */
const KEPT_FROM = [
  ...['NoNewPrivileges', 'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'ProtectClock', 'ProtectControlGroups'],
  ...['ProtectHostname', 'ProtectKernelLogs', 'ProtectKernelModules', 'ProtectProc', 'LockPersonality'],
  ...['RestrictRealtime', 'RestrictSUIDSGID', 'SystemCallArchitectures', 'SystemCallFilter_mount'],
  ...['CapabilityBoundingSet_CAP_SYS_ADMIN', 'CapabilityBoundingSet_CAP_SYS_PTRACE', 'RestrictNamespaces_user'],
];

describe('the unit', () => {
  toolTest('keeps from the daemon what it can do without', { tools: ['systemd-analyze'] }, () => {
    const analyze = ['security', '--offline=true', '--no-pager', UNIT];
    const json = execFileSync('systemd-analyze', [...analyze, '--json=short'], { encoding: 'utf8' });
    const rows = JSON.parse(json) as readonly { readonly json_field: string; readonly set: boolean | null }[];
    const kept = new Set(rows.flatMap(({ json_field: field, set }) => (set ? [field] : [])));
    expect(KEPT_FROM.filter((field) => !kept.has(field))).toEqual([]);
    // In tenths; systemd calls up to 4.0 OK, and services that may do anything have 9.6.
    expect(spawnSync('systemd-analyze', [...analyze, '--threshold=30']).status).toBe(0);
  });
});

const folder = scratch('service');
let built: string | undefined;
const debOnce = (): string => {
  built ??= buildDeb(folder);
  return built;
};

const missing = whyNoMachine();
if (missing !== undefined) {
  if (process.env.FLAN_REQUIRE_KERNEL === '1') throw new Error(`cannot run here: ${missing}`);
  process.stderr.write(`SKIPPED the service under systemd: ${missing}\n`);
}

/** Told by `ip monitor` while the daemon is replaced. */
const MONITOR = 'setsid sh -c "exec ip monitor link route neigh address >/tmp/changes 2>&1" & echo $! >/tmp/monitor';

describe.skipIf(missing !== undefined)('the package on a host with systemd', () => {
  let machine: Machine;
  const sh = (command: string): string => machine.sh(command).trim();
  const show = (property: string): string => sh(`systemctl show flan --value -p ${property}`);
  /** @throws while there is none: systemd says 0 then, which as an argument of kill means everybody */
  const mainPid = (): string => {
    const pid = show('MainPID');
    if (!/^[1-9]\d*$/.test(pid)) throw new Error(`flan does not run: its MainPID is '${pid}'`);
    return pid;
  };
  /** A cluster of this host and one other. */
  const putCluster = ({ type, data }: { readonly type: string; readonly data: object }): void => {
    const lease = { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2', backendType: type };
    machine.put(
      '/var/lib/flan/leases/network.yaml',
      JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: type } }),
    );
    machine.put('/var/lib/flan/leases/node-b.yaml', JSON.stringify({ ...lease, backendData: data }));
  };

  beforeAll(async () => {
    const deb = debOnce();
    machine = await bootMachine();
    machine.put('/flan.deb', readFileSync(deb));
    machine.put('/next.deb', readFileSync(reversioned(deb, { to: '99.0.0', folder })));
    // Node may come from elsewhere than a Debian package here.
    sh('dpkg --force-depends -i /flan.deb');
  }, 120_000);
  afterAll(async () => machine?.close());

  test('installs a unit that systemd has nothing to say about, and starts nothing', () => {
    expect(machine.ask('systemd-analyze verify flan.service')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(machine.ask('systemctl is-active flan').stdout).toBe('inactive\n');
    expect(machine.ask('systemctl is-enabled flan').stdout).toBe('disabled\n');
    expect(machine.ask('cd / && flan plan')).toMatchObject({ code: 69, stderr: expect.stringContaining('hint:') });
  });

  test('starts when it has a configuration, and is ready when the network is', () => {
    sh('mkdir -p /var/lib/flan/leases');
    putCluster({ type: 'vxlan', data: { VNI: 1, VtepMAC: '8e:0e:11:22:33:44' } });
    machine.put('/etc/flan/config.yaml', 'ipMasq: true\n');
    sh('systemctl start flan');
    expect(show('ActiveState')).toBe('active');
    expect(show('StatusText')).toMatch(/objects in place$/);
    expect(sh('cd / && flan plan --summary')).toMatch(/^No changes/);
    expect(sh('ip route show 10.244.2.0/24')).toBe('10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto flan onlink');
    expect(sh('cat /run/flannel/subnet.env')).toContain('FLANNEL_IPMASQ=true');
  });

  test('gives the daemon the powers it needs and no others', () => {
    const status = sh(`cat /proc/${mainPid()}/status`);
    // CAP_NET_ADMIN and CAP_NET_RAW.
    expect(status).toMatch(/^CapBnd:\s+0000000000003000$/m);
    expect(status).toMatch(/^CapEff:\s+0000000000003000$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
  });

  test('reloads without a new process', () => {
    const before = mainPid();
    machine.put('/etc/flan/config.yaml', 'ipMasq: false\n');
    sh('systemctl reload flan');
    const told = sh(
      'for i in $(seq 100); do journalctl -u flan | grep -q "reload: ipMasq" && break; sleep 0.1; done; journalctl -u flan',
    );
    expect(told).toContain('reload: ipMasq');
    expect(mainPid()).toBe(before);
  });

  test('is started again when it dies, and finds everything in place', () => {
    const before = mainPid();
    const [routes, restarts] = [sh('ip route'), Number(show('NRestarts'))];
    sh(`kill -KILL ${before}`);
    sh(
      `for i in $(seq 200); do systemctl show flan --value -p NRestarts | grep -qx ${restarts + 1} && break; sleep 0.1; done`,
    );
    sh('for i in $(seq 200); do systemctl is-active -q flan && break; sleep 0.1; done');
    expect(mainPid()).not.toBe(before);
    expect(show('ActiveState')).toBe('active');
    expect(sh('ip route')).toBe(routes);
  });

  test('a daemon that hangs is replaced', () => {
    sh('mkdir -p /run/systemd/system/flan.service.d');
    machine.put('/run/systemd/system/flan.service.d/impatient.conf', '[Service]\nWatchdogSec=1\n');
    sh('systemctl daemon-reload && systemctl restart flan');
    const before = mainPid();
    sh(`kill -STOP ${before}`);
    sh('for i in $(seq 200); do systemctl show flan --value -p NRestarts | grep -qx 1 && break; sleep 0.1; done');
    sh('for i in $(seq 100); do systemctl is-active -q flan && break; sleep 0.1; done');
    expect({ restarts: show('NRestarts'), state: show('ActiveState') }).toEqual({ restarts: '1', state: 'active' });
    expect(mainPid()).not.toBe(before);
    sh('rm -r /run/systemd/system/flan.service.d && systemctl daemon-reload && systemctl restart flan');
  });

  test('an upgrade replaces the daemon, keeps the configuration, and removes nothing from the kernel', () => {
    const before = mainPid();
    sh(MONITOR);
    sh('dpkg --force-depends -i /next.deb');
    // The last thing it tells, and proof that it does.
    sh('ip route add 198.51.100.0/24 dev eth0; ip route del 198.51.100.0/24');
    sh('for i in $(seq 100); do grep -q "^Deleted 198.51.100.0/24" /tmp/changes && break; sleep 0.1; done');
    sh('kill $(cat /tmp/monitor)');
    expect(sh('dpkg-query --status flan')).toContain('Version: 99.0.0');
    expect(mainPid()).not.toBe(before);
    expect(show('ActiveState')).toBe('active');
    expect(sh('cat /etc/flan/config.yaml')).toBe('ipMasq: false');
    const deleted = sh('grep ^Deleted /tmp/changes');
    expect(deleted).toContain('198.51.100.0/24');
    expect(deleted).not.toMatch(/flannel|10\.244\./);
    expect(sh('cd / && flan plan --summary')).toMatch(/^No changes/);
  });

  test('a stop leaves devices, routes and subnet.env; backend udp goes on with the same device', () => {
    sh('systemctl stop flan && flan destroy --yes');
    putCluster({ type: 'udp', data: { Port: 8285 } });
    sh('systemctl start flan');
    const device = (): string => sh('ip -o link show flannel0 | cut -d: -f1');
    const [index, route] = [device(), sh('ip route show 10.244.0.0/16')];
    expect(route).toContain('dev flannel0');
    sh('systemctl stop flan');
    expect(device()).toBe(index);
    expect(sh('cat /run/flannel/subnet.env')).toContain('FLANNEL_SUBNET=');
    sh('systemctl start flan');
    expect({ index: device(), route: sh('ip route show 10.244.0.0/16') }).toEqual({ index, route });
    expect(sh('cd / && flan plan --summary')).toMatch(/^No changes/);
  });

  test.skipIf(!existsSync('/usr/bin/wireguard-go'))('wireguard-go carries packets on while flan is stopped', () => {
    sh('systemctl stop flan && flan destroy --yes');
    putCluster({ type: 'wireguard', data: { PublicKey: 'bmXOC+F1FxEMF9dyiK2H5/1SUtzH0JuVo51h2wPfgyo=' } });
    sh('systemctl start flan');
    const process = (): string => sh('pgrep -x wireguard-go || echo none');
    const before = process();
    sh('systemctl stop flan');
    expect(process()).toBe(before);
    expect(sh('ip -o link show flannel-wg')).toContain('UP');
    sh('systemctl start flan');
    expect(process()).toBe(before);
    expect(sh('cd / && flan plan --summary')).toMatch(/^No changes/);
  });

  test('works in another network namespace with the drop-in of docs/install.md', () => {
    sh('systemctl stop flan && flan destroy --yes');
    sh('ip netns add other && ip link set wire netns other && ip -n other address add 192.168.10.9/24 dev wire');
    sh('ip -n other link set lo up && ip -n other link set wire up && ip -n other route add default via 192.168.10.1');
    sh('mkdir -p /etc/systemd/system/flan.service.d');
    const dropIn = '/etc/systemd/system/flan.service.d/netns.conf';
    machine.put(dropIn, '[Service]\nCapabilityBoundingSet=CAP_SYS_ADMIN\nRestrictNamespaces=net\n');
    machine.put('/etc/flan/config.yaml', 'ipMasq: true\nnetns: other\n');
    putCluster({ type: 'vxlan', data: { VNI: 1, VtepMAC: '8e:0e:11:22:33:44' } });
    sh('systemctl daemon-reload && systemctl start flan');
    expect(sh('ip -n other route show proto 70')).toContain('dev flannel.1');
    expect(sh('ip netns exec other iptables-save -t nat')).toContain('FLANNEL-POSTRTG');
    sh('systemctl stop flan && flan destroy --yes');
    sh(`rm ${dropIn} && systemctl daemon-reload && ip -n other link set wire netns 1 && ip link set wire up`);
    machine.put('/etc/flan/config.yaml', 'ipMasq: false\n');
  });

  test('is not started again and again when its configuration is wrong', () => {
    machine.put('/etc/flan/config.yaml', 'leasez: x\n');
    expect(machine.ask('systemctl start flan').code).not.toBe(0);
    expect([show('ActiveState'), show('ExecMainStatus'), show('NRestarts')]).toEqual(['failed', '78', '0']);
    expect(sh('journalctl -u flan -o cat')).toContain("did you mean 'leases'?");
    machine.put('/etc/flan/config.yaml', 'ipMasq: false\n');
  });

  test('systemd rolls back what nobody confirmed', () => {
    machine.ask('flan destroy --yes');
    putCluster({ type: 'host-gw', data: {} });
    sh('flan apply --yes --confirm 2s');
    expect(sh('systemctl list-units --plain --no-legend "flan-confirm-*.timer"')).toContain('waiting');
    sh('for i in $(seq 150); do flan checkpoint ls | grep -q rolled-back && break; sleep 0.2; done');
    expect(sh('flan checkpoint ls')).toContain('nobody confirmed it in time');
    expect(sh('ip route show proto 70')).toBe('');
    sh('flan resume');
  });

  test('removal stops the daemon and leaves the network; a purge keeps the leases', () => {
    sh('systemctl start flan');
    expect(sh('dpkg --remove flan')).toContain('the network of this host stays as it is');
    expect(machine.ask('systemctl is-active flan').stdout).toBe('inactive\n');
    expect(machine.ask('test -e /usr/bin/flan').code).toBe(1);
    expect(sh('ip route show proto 70')).not.toBe('');
    expect(sh('cat /etc/flan/config.yaml')).toBe('ipMasq: false');
    sh('dpkg --purge flan');
    expect(machine.ask('test -e /etc/flan || test -e /var/cache/flan').code).toBe(1);
    expect(sh('ls /var/lib/flan')).toBe('leases');
  });
});

describe.skipIf(missing !== undefined)('docs/install.md', () => {
  test('shows what is printed: UPDATE_GOLDEN=1 writes it', async () => {
    const machine = await bootMachine();
    try {
      machine.put('/flan.deb', readFileSync(debOnce()));
      machine.sh('dpkg --force-depends -i /flan.deb');
      const shown = shownInDoc();
      const now = runAgain(shown, (command) => machine.ask(`${command} 2>&1`).stdout);
      if (process.env.UPDATE_GOLDEN === '1') writeDoc(now);
      expect(now.size).toBe(3);
      for (const [name, block] of now) expect(shapeOf(shownInDoc().get(name) ?? '')).toBe(shapeOf(block));
    } finally {
      await machine.close();
    }
  }, 120_000);
});
