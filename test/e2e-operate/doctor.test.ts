import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { kubeTest } from '../e2e-stores/kube-lab.js';
import { certificateAuthority, startEtcd } from '../support/etcd.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

const VXLAN = { Network: '10.244.0.0/16', Backend: { Type: 'vxlan' } };

interface Told {
  readonly code: number | null;
  /** `error D_X` and so on. */
  readonly findings: readonly string[];
  readonly text: string;
}

async function doctor(node: LabNode, args: readonly string[] = []): Promise<Told> {
  const { code, stdout, stderr } = await node.flan(['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  expect(faultsOf('doctor', JSON.parse(stdout))).toEqual([]);
  const { kind, findings, summary } = JSON.parse(stdout) as {
    readonly kind: string;
    readonly findings: readonly { readonly severity: string; readonly code: string; readonly what: string }[];
    readonly summary: { readonly errors: number };
  };
  expect(kind).toBe('flan.doctor');
  expect(code).toBe(summary.errors > 0 ? 1 : 0);
  return {
    code,
    findings: findings.map((finding) => `${finding.severity} ${finding.code}`),
    text: findings.map(({ what }) => what).join('\n'),
  };
}

/** A process of another name inside the node's namespace, ended with the test. */
async function startAs(lab: Lab, node: LabNode, name: string): Promise<void> {
  const program = join(lab.dir, name);
  copyFileSync('/bin/sleep', program);
  const child = spawn('ip', ['netns', 'exec', node.netns.name, program, '600'], { stdio: 'ignore' });
  lab.onEnd(() => child.kill('SIGKILL'));
  await node.netns.sh(`until grep -qx ${name} /proc/${child.pid}/comm; do sleep 0.01; done`);
}

describe('flan doctor', () => {
  labTest(
    'finds nothing wrong where all works, and changes nothing',
    { network: VXLAN, needs: ['vxlan'] },
    async (lab) => {
      const a = lab.node();
      await a.netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward');
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      const before = await a.netns.sh('ip -N route; ip -d link');
      expect(await doctor(a)).toEqual({ code: 0, findings: [], text: '' });
      expect(await a.netns.sh('ip -N route; ip -d link')).toBe(before);
      const { code, stdout } = await a.flan(['doctor']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}✓ {2}kernel modules +vxlan is in use$/m);
      expect(stdout).toMatch(/^ {2}✓ {2}UDP ports +8472 \(flannel\.1\): nobody else holds them$/m);
    },
  );

  for (const families of ['6', '46'] as const) {
    const network = {
      ...(families === '46' ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
      ...{ EnableIPv6: true, IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'vxlan' } },
    };
    labTest(
      `finds nothing wrong in a network of families ${families}`,
      { families, network, needs: ['vxlan'] },
      async (lab) => {
        const a = lab.node();
        await a.netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
        expect((await a.flan(['apply', '--yes'])).code).toBe(0);
        await a.addPods();
        const mtu = /^FLANNEL_MTU=(\d+)$/m.exec(a.subnetEnv() ?? '')?.[1];
        await a.netns.ip(`link set cni0 mtu ${mtu}`);
        expect(await doctor(a)).toEqual({ code: 0, findings: [], text: '' });
      },
    );
  }

  labTest('finds what is planted', { network: VXLAN, needs: ['vxlan', 'iptables'] }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', { ...peerLease('b'), backendType: 'vxlan', backendData: { VtepMAC: '46:00:00:00:04:02' } });
    lab.put('node-c.yaml', {
      ...peerLease('c'),
      publicIP: '192.168.10.2',
      backendType: 'vxlan',
      backendData: { VtepMAC: '46:00:00:00:04:03' },
    });
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    await a.addPods();
    await a.netns.sh(
      [
        'echo 0 > /proc/sys/net/ipv4/ip_forward',
        `sed -i -e s/1450/9000/ -e s/10.244.1.1/10.244.7.1/ ${a.subnetFile}`,
        'iptables -t nat -A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN',
        'ip link add flannel.9 type vxlan id 9 dstport 4789 local 192.168.10.1 nolearning',
      ].join('; '),
    );
    await startAs(lab, a, 'flanneld');
    await startAs(lab, a, 'NetworkManager');
    const { findings, text } = await doctor(a);
    expect(findings).toEqual([
      'error D_PUBLIC_IP_TWICE',
      'error D_MTU_WRITTEN',
      'error D_SUBNET_ENV_STALE',
      'error D_FORWARDING_OFF',
      'error D_FLANNELD_RUNNING',
      'warning D_MTU_BRIDGE',
      'warning D_NETWORK_MANAGER',
      'warning D_RULES_OLD',
      'warning D_DEVICE_LEFT',
    ]);
    expect(text).toContain(
      '192.168.10.2 is the public address of 2 leases: node-b (10.244.2.0-24), node-c (10.244.3.0-24)',
    );
    expect(text).toContain('flannel.9 is a device of flannel');
  });

  labTest(
    'names who holds the port, and who runs',
    { network: { Network: '10.244.0.0/16', Backend: { Type: 'udp' } }, needs: ['tun'] },
    async (lab) => {
      const a = lab.node();
      await a.netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward');
      const holder = spawn('ip', [
        ...['netns', 'exec', a.netns.name, 'python3', '-c'],
        'import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(("0.0.0.0",8285));print("bound",flush=True);time.sleep(600)',
      ]);
      lab.onEnd(() => holder.kill('SIGKILL'));
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      const { findings, text } = await doctor(a);
      expect(findings).toContain('error D_PORT_TAKEN');
      expect(findings).toContain('error D_NO_WATCH');
      expect(text).toMatch(
        new RegExp(`UDP port 8285, which flannel0 needs, is held by python3\\S* \\(pid ${holder.pid}\\)`),
      );
      holder.kill('SIGKILL');
      await new Promise((resolve) => holder.once('close', resolve));
      await a.watch();
      const { stdout } = await a.flan(['doctor']);
      expect(stdout).toMatch(/^ {2}✓ {2}lock +held by pid \d+ \(flan watch\)$/m);
      expect(stdout).toMatch(/^ {2}✓ {2}UDP ports +8285 \(flannel0\): nobody else holds them$/m);
    },
  );

  labTest('looks at the host though the store does not answer', {}, async (lab) => {
    const a = lab.node();
    await startAs(lab, a, 'flanneld');
    const { findings, code } = await doctor(a, ['--store', 'etcd', '--etcd-endpoints', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(findings).toEqual(['error E_STORE_UNREACHABLE', 'error D_FLANNELD_RUNNING']);
    lab.remove('network.yaml');
    expect((await doctor(a)).findings).toEqual(['error E_NETWORK_MISSING', 'error D_FLANNELD_RUNNING']);
  });

  labTest(
    'asks etcd for its certificate and its clock, and names a wrong password',
    { timeoutMs: 60_000 },
    async (lab) => {
      const authority = certificateAuthority();
      lab.onEnd(() => authority.close());
      const server = authority.issue('server', ['IP:127.0.0.1']);
      const client = authority.issue('node-a');
      const tls = { server, caFile: authority.caFile, clientCerts: 'required' } as const;
      const etcd = await startEtcd({ tls, args: ['--bcrypt-cost', '4'] });
      lab.onEnd(() => etcd.close());
      const ctl = (...args: readonly string[]) =>
        etcd.ctl('--cacert', authority.caFile, '--cert', client.cert, '--key', client.key, ...args);
      const network = '{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}';
      await ctl('put', '/coreos.com/network/config', network);
      const a = lab.node();
      await a.netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward');
      const flags = [
        ...['--store', 'etcd', '--etcd-endpoints', etcd.endpoint, '--etcd-cafile', authority.caFile],
        ...['--etcd-certfile', client.cert, '--etcd-keyfile', client.key],
      ];
      const well = await a.flan(['doctor', ...flags]);
      expect(well.stdout).toContain(`  ✓  clock                agrees with ${etcd.endpoint}\n`);
      // They live for a day or two: every one is told, and that none has ended.
      const soon = await doctor(a, flags);
      expect(soon.findings).toEqual(['warning D_CERT_EXPIRES', 'warning D_CERT_EXPIRES', 'warning D_CERT_EXPIRES']);
      expect(soon.text).toContain(`the server certificate of ${etcd.endpoint} expires on`);
      expect(soon.text).toContain(`the client certificate ${client.cert} expires on`);
      await ctl('user', 'add', 'root:right');
      await ctl('user', 'grant-role', 'root', 'root');
      await ctl('auth', 'enable');
      const refused = await doctor(a, [...flags, '--etcd-username', 'root', '--etcd-password', 'wrong']);
      expect(refused.findings[0]).toBe('error E_STORE_AUTH');
    },
  );

  kubeTest('asks the API server for its clock, and looks for what pods there need', {}, async (lab) => {
    lab.addNode('node-a', ['10.5.1.0/24']);
    lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
    const a = lab.node();
    await a.netns.sh(
      'echo 1 > /proc/sys/net/ipv4/ip_forward; f=/proc/sys/net/bridge/bridge-nf-call-iptables; test ! -e $f || echo 0 > $f',
    );
    const told = await doctor(a, lab.flags);
    expect(told.findings.filter((finding) => finding.startsWith('error'))).toEqual([]);
    // Without the module there is nothing to switch off, and it is missed.
    expect(told.findings.filter((finding) => /BRIDGE_NF|BR_NETFILTER/.test(finding))).toHaveLength(1);
    const { stdout } = await a.flan(['doctor', ...lab.flags]);
    expect(stdout).toMatch(new RegExp(`^ {2}✓ {2}clock +agrees with ${lab.kube.url}$`, 'm'));
    expect(stdout).toMatch(/^ {2}✓ {2}store +kubernetes .*: 1 lease$/m);
  });
});
