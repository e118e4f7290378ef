import { expect, it } from 'vitest';
import { fromGoFlags } from '../../src/config/go-flags.js';

it.each<[string, string]>([
  ['--iface=eth0', '--iface=eth0'],
  ['-iface=eth0 -iface eth1', '--iface=eth0 --iface eth1'],
  ['-ip-masq -kube-subnet-mgr=true', '--ip-masq --kube-subnet-mgr'],
  ['--ip-masq=false -iptables-forward-rules=0', '--no-ip-masq --no-iptables-forward-rules'],
  ['-ip-masq=maybe', '-ip-masq=maybe'],
  ['-subnet-lease-renew-margin=30 -v=4 -iptables-resync 5', '--subnet-lease-renew-margin=30 --v=4 --iptables-resync 5'],
  ['-iface-regex=^10=x', '--iface-regex=^10=x'],
  ['-iface -ip-masq', '--iface -ip-masq'],
  ['-c flan.yaml --json -h -x', '-c flan.yaml --json -h -x'],
  ['--ip-masq -- -iface=eth0', '--ip-masq -- -iface=eth0'],
  ['-iface', '--iface'],
])('%s → %s', (from, to) => {
  expect(fromGoFlags(from.split(' '))).toEqual(to.split(' '));
});
