import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  readFirewalldZones,
  readNetworkdFiles,
  readNetworkManagerFiles,
} from '../../../src/host/state/config-files.js';
import { readHostState, readModules } from '../../../src/host/state/read.js';
import { parseProcNetUdp } from '../../../src/host/state/udp-sockets.js';
import { kernelTest } from '../../support/kernel.js';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'flan-root-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('modules', () => {
  it('are there when they are built in, can be loaded, or are loaded', () => {
    const root = rootWith({
      'lib/modules/6.1/modules.builtin': 'kernel/drivers/net/tun.ko\n',
      'lib/modules/6.1/modules.dep':
        'kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz\nkernel/net/bridge/br-netfilter.ko:\n',
      'sys/module/ipip/refcnt': '0',
    });
    expect(readModules(root, '6.1')).toEqual({
      ...{
        vxlan: 'present',
        wireguard: 'absent',
        esp4: 'absent',
        ipip: 'present',
        br_netfilter: 'present',
        tun: 'present',
      },
    });
  });

  it('cannot be told where there is no directory of this kernel', () => {
    expect(readModules(rootWith({}), '6.1').vxlan).toBe('unknown');
  });
});

describe('config files', () => {
  it('are read with their drop-ins from every folder; a masked one is empty', () => {
    const root = rootWith({
      'etc/systemd/networkd.conf': 'a',
      'usr/lib/systemd/networkd.conf.d/10-x.conf': 'b',
      'usr/lib/systemd/networkd.conf.d/README': 'no',
      'run/systemd/networkd.conf.d/20-y.conf': 'c',
    });
    symlinkSync('/dev/null', join(root, 'run/systemd/networkd.conf.d/30-z.conf'));
    expect(readNetworkdFiles(root)).toEqual([
      { path: '/etc/systemd/networkd.conf', text: 'a' },
      { path: '/run/systemd/networkd.conf.d/20-y.conf', text: 'c' },
      { path: '/run/systemd/networkd.conf.d/30-z.conf', text: '' },
      { path: '/usr/lib/systemd/networkd.conf.d/10-x.conf', text: 'b' },
    ]);
    expect(readNetworkManagerFiles(root)).toEqual([]);
    const zones = rootWith({
      'etc/firewalld/zones/a.xml': 'a',
      'usr/lib/firewalld/zones/a.xml': 'b',
      'etc/firewalld/x.xml': 'c',
    });
    expect(readFirewalldZones(zones).map(({ text }) => text)).toEqual(['a', 'b']);
  });
});

describe('/proc/net/udp', () => {
  it('is read', () => {
    const text =
      '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n' +
      ' 5722: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3751605 2 0000000066 0\n';
    expect(parseProcNetUdp(text, 4)).toEqual([{ port: 8472, family: 4, inode: 3_751_605 }]);
    expect(parseProcNetUdp('', 6)).toEqual([]);
  });
});

kernelTest('kernel settings are those of the namespace', {}, async ({ netns }) => {
  await netns.sh('echo 0 > /proc/sys/net/ipv4/ip_forward; echo 2 > /proc/sys/net/ipv4/conf/lo/rp_filter');
  const read = () => readHostState({ netns: netns.name, devices: ['lo', 'none'], programs: [] });
  const { sysctls, capabilities } = read();
  expect(sysctls).toMatchObject({ 'net/ipv4/ip_forward': '0', 'net/ipv4/conf/lo/rp_filter': '2' });
  expect(Object.keys(sysctls)).not.toContain('net/ipv4/conf/none/rp_filter');
  expect(capabilities).toContain('CAP_NET_ADMIN');
  await netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward');
  expect(read().sysctls['net/ipv4/ip_forward']).toBe('1');
});
