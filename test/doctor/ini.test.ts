import { describe, expect, it } from 'vitest';
import { covers, unmanagedDevices } from '../../src/doctor/network-manager.js';
import { networkdSetting } from '../../src/doctor/networkd.js';

const KEY = 'ManageForeignRoutes';
const at = (path: string, value: string) => ({ path, text: `# a comment\n[Network]\n${KEY}=${value}\n` });
const read = (...files: readonly { path: string; text: string }[]) => networkdSetting(files, KEY);

describe('networkd.conf and its drop-ins', () => {
  it('take the strongest main file, and no other', () => {
    const files = [at('/usr/lib/systemd/networkd.conf', 'no'), at('/etc/systemd/networkd.conf', 'yes')];
    expect(read(...files)).toEqual({ isNo: false, where: '/etc/systemd/networkd.conf:3' });
    expect(read(...files.slice(0, 1))).toEqual({ isNo: true, where: '/usr/lib/systemd/networkd.conf:3' });
  });

  it('let drop-ins win over the main file wherever they are', () => {
    const dropIn = at('/usr/lib/systemd/networkd.conf.d/10-a.conf', 'no');
    expect(read(at('/etc/systemd/networkd.conf', 'yes'), dropIn)?.isNo).toBe(true);
  });

  it('read drop-ins by name, not by folder', () => {
    const [early, late] = [
      at('/etc/systemd/networkd.conf.d/10-a.conf', 'no'),
      at('/usr/lib/systemd/networkd.conf.d/90-z.conf', 'yes'),
    ];
    expect(read(early, late)?.where).toBe('/usr/lib/systemd/networkd.conf.d/90-z.conf:3');
  });

  it('let a file hide the one of the same name further down, also when it is empty', () => {
    const hidden = at('/usr/lib/systemd/networkd.conf.d/50-x.conf', 'no');
    expect(read(hidden, at('/run/systemd/networkd.conf.d/50-x.conf', 'yes'))?.isNo).toBe(false);
    expect(read(hidden, { path: '/etc/systemd/networkd.conf.d/50-x.conf', text: '' })).toBeUndefined();
  });

  it('let an empty value leave what was said before', () => {
    const empty = at('/etc/systemd/networkd.conf.d/90-z.conf', '');
    expect(read(at('/etc/systemd/networkd.conf', 'off'), empty)?.isNo).toBe(true);
  });
});

describe('unmanaged-devices', () => {
  const file = (name: string, line: string) => ({
    path: `/etc/NetworkManager/conf.d/${name}.conf`,
    text: `[keyfile]\n${line}\n[other]\nunmanaged-devices=interface-name:no*\n`,
  });

  it('is the last list with what was added to it', () => {
    expect(
      unmanagedDevices([
        file('a', 'unmanaged-devices=interface-name:gone'),
        file('b', 'unmanaged-devices=interface-name:a;interface-name:b'),
        file('c', 'unmanaged-devices+=interface-name:c'),
      ]),
    ).toEqual(['interface-name:a', 'interface-name:b', 'interface-name:c']);
  });

  it('covers devices by name and pattern', () => {
    const names = ['interface-name:flannel*', 'interface-name:=flannel.1', 'flannel.?', 'interface-name:flannel.1'];
    expect(names.map((spec) => covers(spec, 'flannel.1'))).toEqual([true, true, true, true]);
    const others = ['except:interface-name:flannel*', 'mac:00:11', 'interface-name:flannelX1', 'driver:vxlan', ''];
    expect(others.map((spec) => covers(spec, 'flannel.1'))).toEqual([false, false, false, false, false]);
  });
});
