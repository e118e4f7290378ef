import { expect, vi } from 'vitest';
import { eventually } from './etcd-lab.js';
import { kubeTest } from './kube-lab.js';

// Servers go and come back, and what waits for them backs off.
vi.setConfig({ testTimeout: 90_000 });

const viaB = '10.5.2.0/24 via 192.168.10.2 dev eth0';
const viaC = '10.5.3.0/24 via 192.168.10.3 dev eth0';

kubeTest('waits for Node and podCIDR, publishes, and is ready only then', {}, async (lab) => {
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
  const node = lab.node();
  expect(await node.flan(['apply', '--yes', ...lab.flags])).toMatchObject({
    code: 78,
    stderr: expect.stringMatching(/^Error E_NODE_MISSING: there is no Node node-a/),
  });
  const daemon = lab.watch();
  expect((await daemon.until('waiting')).error.code).toBe('E_NODE_MISSING');
  lab.addNode('node-a', []);
  const waiting = await daemon.until('waiting', ({ error }) => error.code === 'E_POD_CIDR');
  expect(waiting.error.message).toBe('Node node-a has no podCIDR yet');
  expect(await node.flan(['lease acquire', ...lab.flags])).toMatchObject({
    code: 78,
    stderr: expect.stringMatching(/^Error E_POD_CIDR: [\s\S]*hint: .*--allocate-node-cidrs=true/),
  });
  expect(lab.networkUnavailable()).toBeUndefined();
  lab.addNode('node-a', ['10.5.1.0/24']);
  await daemon.until('ready');
  await eventually(() => lab.networkUnavailable() === 'False');
  expect(lab.annotations()).toEqual({
    ...{ 'kube-subnet-manager': 'true', 'public-ip': '192.168.10.1' },
    ...{ 'backend-type': 'host-gw', 'backend-data': 'null' },
  });
  expect(await node.routes()).toEqual([viaB]);
  expect(node.subnetEnv()).toContain('FLANNEL_SUBNET=10.5.1.1/24\n');
  lab.addNode('node-c', ['10.5.3.0/24'], '192.168.10.3');
  await eventually(async () => (await node.routes()).includes(viaC));
  lab.kube.nodes.delete('node-b');
  await eventually(async () => !(await node.routes()).includes(viaB));
  expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  // The network still works, so it stays said.
  expect(lab.networkUnavailable()).toBe('False');
  expect(await node.routes()).toEqual([viaC]);
});

kubeTest('another podCIDR of the own Node is followed', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  const node = lab.node();
  const daemon = await lab.ready(['--ip-blackhole-route']);
  const blackholes = async () => (await node.netns.ip('route show type blackhole')).match(/10\S+/g);
  expect(await blackholes()).toEqual(['10.5.1.0/24']);
  lab.kube.nodes.delete('node-a');
  lab.addNode('node-a', ['10.5.77.0/24']);
  await daemon.until('lease', ({ lease }) => lease.key === '10.5.77.0-24');
  await eventually(async () => (await blackholes())?.join() === '10.5.77.0/24');
  await eventually(() => node.subnetEnv()?.includes('FLANNEL_SUBNET=10.5.77.1/24\n') === true);
  await eventually(() => lab.annotations()['public-ip'] === '192.168.10.1' && lab.networkUnavailable() === 'False');
  // In place too, which a controller of one's own may do.
  lab.addNode('node-a', ['10.5.78.0/24']);
  await daemon.until('lease', ({ lease }) => lease.key === '10.5.78.0-24');
  await eventually(async () => (await blackholes())?.join() === '10.5.78.0/24');
  await eventually(() => node.subnetEnv()?.includes('FLANNEL_SUBNET=10.5.78.1/24\n') === true);
  expect(daemon.events.filter(({ type }) => type === 'lease-lost')).toEqual([]);
  expect((await daemon.stop()).code).toBe(0);
});

kubeTest('NetworkUnavailable is True while there is no interface to use', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  const daemon = await lab.ready(['--iface=eth0']);
  await eventually(() => lab.networkUnavailable() === 'False');
  const { netns } = lab.node();
  await netns.ip('address del 192.168.10.1/24 dev eth0');
  await daemon.until('failed', ({ key }) => key === 'host');
  await eventually(() => lab.networkUnavailable() === 'True');
  await netns.ip('address add 192.168.10.1/24 dev eth0');
  await eventually(() => lab.networkUnavailable() === 'False');
  await daemon.stop();
});

kubeTest('--set-node-network-unavailable=false: the condition is left alone', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
  const daemon = await lab.ready(['--set-node-network-unavailable=false']);
  lab.kube.nodes.delete('node-b');
  await eventually(async () => (await lab.node().routes()).length === 0);
  await daemon.stop();
  expect(lab.annotations()['kube-subnet-manager']).toBe('true');
  expect(lab.networkUnavailable()).toBeUndefined();
});

kubeTest('the server goes away and comes back with another state', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
  const node = lab.node();
  await lab.kube.stop();
  for (const command of ['plan', 'lease list']) {
    expect(await node.flan([command, ...lab.flags])).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/^Error E_STORE_UNREACHABLE: /),
    });
  }
  const daemon = lab.watch();
  expect((await daemon.until('waiting')).error.code).toBe('E_STORE_UNREACHABLE');
  await lab.kube.start();
  await daemon.until('ready');
  const before = await node.routes();
  const from = daemon.mark();
  await lab.kube.stop();
  await daemon.until('store', ({ state }) => state === 'disconnected', from);
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.22');
  lab.addNode('node-c', ['10.5.3.0/24'], '192.168.10.3');
  lab.kube.nodes.compact();
  expect(await node.routes()).toEqual(before);
  await lab.kube.start();
  await daemon.until('applied', () => true, from);
  expect([...(await node.routes())].sort()).toEqual(['10.5.2.0/24 via 192.168.10.22 dev eth0', viaC]);
  expect((await daemon.stop()).code).toBe(0);
});

kubeTest('lease commands', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
  const run = (args: readonly string[]) => lab.node().flan([...args, ...lab.flags]);
  expect(await run(['lease show'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error E_LEASE_MISSING/) });
  expect(await run(['lease acquire'])).toMatchObject({ code: 0, stderr: '' });
  expect(lab.annotations()['public-ip']).toBe('192.168.10.1');
  const { leases } = JSON.parse((await run(['lease list', '--json'])).stdout) as {
    leases: { role: string; lease: { node: string } }[];
  };
  expect(leases.map(({ role, lease }) => `${role} ${lease.node}`)).toEqual(['own node-a', 'peer node-b']);
  expect((await run(['lease show', 'node-b'])).stdout).toMatch(/IPv4 +10\.5\.2\.0\/24 through 192\.168\.10\.2/);
  for (const args of [
    ['lease reserve', '10.5.9.0/24'],
    ['lease release', 'node-b', '--yes'],
  ]) {
    const { code, stderr } = await run(args);
    expect(stderr).toMatch(/^Error E_UNSUPPORTED: [\s\S]*hint: /);
    expect(code).toBe(1);
  }
  expect(await run(['lease release', '--yes'])).toMatchObject({ code: 0, stdout: 'released 10.5.1.0-24\n' });
  expect(lab.annotations()).toEqual({});
});

kubeTest(
  'vxlan: what the Node says of this host is said again, so that peers need learn nothing',
  { config: { Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } }, needs: ['vxlan'] },
  async (lab) => {
    const known = '{"VNI":1,"VtepMAC":"0e:11:22:33:44:55"}';
    lab.addNode('node-a', ['10.5.1.0/24'], '192.168.10.1', { 'backend-type': 'vxlan', 'backend-data': known });
    const daemon = await lab.ready();
    expect(lab.annotations()['backend-data']).toBe(known);
    expect(await lab.node().netns.ip('link show dev flannel.1')).toContain('link/ether 0e:11:22:33:44:55');
    // The stream of all Nodes begins with what there is: nobody has to list them beside it.
    expect(lab.kube.calls.filter(({ verb }) => verb === 'list')).toEqual([]);
    await daemon.stop();
  },
);
