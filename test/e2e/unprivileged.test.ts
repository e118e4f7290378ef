import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { FLAN, flan } from '../support/cli.js';
import { kernelTest } from '../support/kernel.js';

/** Everything as an ordinary user who is root only in a user and network namespace of its own. */
const SCRIPT = `
set -e
ip link set lo up
ip link add eth0 type veth peer name other
ip address add 192.168.10.1/24 dev eth0
ip link set eth0 up
ip link set other up
ip route add default via 192.168.10.254
"$0" plan --detailed-exitcode || test $? = 2
"$0" apply --yes
"$0" plan --detailed-exitcode
ip route show proto 70
cat $FLAN_SUBNET_FILE
"$0" destroy --yes --release
test -z "$(ip route show proto 70)"
`;

kernelTest('a whole run needs no more than user namespaces', { needs: ['veth'] }, async ({ onEnd }) => {
  const dir = mkdtempSync(join(tmpdir(), 'flan-userns-'));
  onEnd(() => rmSync(dir, { recursive: true, force: true }));
  const leases = join(dir, 'leases');
  mkdirSync(leases);
  for (const path of [dir, leases]) chmodSync(path, 0o777);
  writeFileSync(join(leases, 'network.yaml'), 'Network: 10.244.0.0/16\nBackend: { Type: host-gw }\n');
  writeFileSync(join(leases, 'b.yaml'), 'node: node-b\nsubnet: 10.244.2.0/24\npublicIP: 192.168.10.2\n');
  const env = {
    FLAN_LEASES: leases,
    FLAN_NODE: 'node-a',
    FLAN_NODE_ID: 'id-a',
    FLAN_SUBNET_FILE: join(dir, 'run', 'subnet.env'),
    FLAN_RUNTIME_DIR: join(dir, 'state'),
    FLAN_STATE_DIR: join(dir, 'kept'),
    FLAN_IPTABLES_FORWARD_RULES: 'false',
  };
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups', 'unshare', '-Urn', 'sh', '-c', SCRIPT, FLAN];
  const run = await flan(user, { command: 'setpriv', env, cwd: dir });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toMatch(/^Applied: 3 created; verified\.$/m);
  expect(run.stdout).toMatch(/^10\.244\.2\.0\/24 via 192\.168\.10\.2 dev eth0 *$/m);
  expect(run.stdout).toMatch(/^FLANNEL_MTU=1500$/m);
  expect(run.stdout).toMatch(/^Applied: 3 deleted; verified\.$/m);
});
