import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { sectionsIn } from '../../src/drivers/vici/message.js';
import { inNetns } from '../../src/sys/netns.js';
import { isRunning, markOf } from '../../src/sys/process-mark.js';
import { type LabNode, peerLease } from '../support/lab.js';
import {
  ask,
  charonPid,
  connections,
  ipsecNetwork,
  ipsecTest,
  listed,
  names,
  PSK,
  socketOf,
  stateOf,
} from './overlay.js';

const NAME = 'flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2';
const FLANNELS = NAME.slice('flan:'.length);
const KEY = `ipsec-connection/${FLANNELS}`;

const isAlive = (pid: number): boolean => {
  const mark = markOf(pid);
  return mark !== undefined && isRunning(mark);
};
const charonOf = (node: LabNode) => stateOf(node).read()?.charon;

const secrets = (node: LabNode) =>
  ask(node, async (client) => [...((await client.request('get-shared')).keys as readonly string[])].sort());

interface Planned {
  readonly plan: {
    readonly steps: readonly { readonly action: string; readonly key: string; readonly fields?: readonly string[] }[];
  };
  readonly foreign: Readonly<Record<string, number>>;
}

const planOf = async (node: LabNode): Promise<Planned> =>
  JSON.parse((await node.flan(['plan', '--json'])).stdout) as Planned;
const stepsOf = async (node: LabNode) => (await planOf(node)).plan.steps.map(({ action, key }) => `${action} ${key}`);

/** Somebody else's connection, which no traffic is for. */
const foreign = (name: string, over: object = {}) => ({
  [name]: {
    version: '2',
    local_addrs: ['192.168.10.1'],
    remote_addrs: ['198.51.100.1'],
    local: { auth: 'psk' },
    remote: { auth: 'psk' },
    children: { net: { local_ts: ['172.31.0.0/24'], remote_ts: ['172.31.1.0/24'] } },
    ...over,
  },
});

describe('backend ipsec, with a charon of its own', () => {
  ipsecTest('loads what is planned, is done then, and takes all of it away again', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    expect(await stepsOf(node)).toHaveLength(7);
    expect(stateOf(node).read()).toBeUndefined();
    const applied = await node.flan(['apply', '--yes']);
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.stdout).toContain('7 created; verified');
    expect(await names(node)).toEqual([NAME, NAME.replace('10.244.2.0', '10.244.3.0').replace(/2$/, '3')]);
    expect((await connections(node))[0]).toMatchObject({
      settings: 'standard',
      encapsulation: 'behind NAT',
      mark: 'flan',
    });
    expect(await secrets(node)).toHaveLength(3);
    expect(await stepsOf(node)).toEqual([]);
    // The policies are there at once, so that nothing leaves in clear.
    expect(await node.netns.sh('ip xfrm policy')).toContain('src 10.244.1.0/24 dst 10.244.2.0/24 \n\tdir out');
    lab.remove('node-c.yaml');
    expect((await node.flan(['apply', '--yes'])).stdout).toContain('2 deleted; verified');
    expect(await names(node)).toEqual([NAME]);
    const pid = charonPid(node);
    expect((await node.flan(['destroy', '--yes'])).stdout).toContain('verified');
    expect(isAlive(pid)).toBe(false);
    expect(await node.netns.sh('ip xfrm policy')).not.toContain('10.244');
    expect(stateOf(node).read()).toBeUndefined();
    expect((await node.flan(['destroy', '--yes'])).code).toBe(0);
  });

  ipsecTest(
    'leaves alone what is not its own, and takes over what has flannel’s name when asked to',
    {},
    async (lab) => {
      const node = lab.node();
      lab.put('node-b.yaml', peerLease('b'));
      await node.flan(['apply', '--yes']);
      await ask(node, async (client) => {
        await client.request('unload-conn', { name: NAME });
        await client.request('load-conn', foreign('office'));
        await client.request('load-conn', foreign(FLANNELS));
        await client.request('load-shared', { id: 'office', type: 'IKE', data: 'x', owners: ['198.51.100.1'] });
      });
      const { foreign: counted } = await planOf(node);
      expect(counted).toMatchObject({ 'ipsec-connection': 2 });
      const refused = await node.flan(['apply', '--yes']);
      expect(refused.stderr).toContain('E_CONFLICT');
      expect(await names(node)).toEqual([FLANNELS, 'office']);
      expect((await node.flan(['apply', '--yes', '--adopt'])).code).toBe(0);
      expect(await names(node)).toEqual([NAME, 'office']);
      expect(await stepsOf(node)).toEqual([]);
      // A charon that others use is left to them.
      const pid = charonPid(node);
      expect((await node.flan(['destroy', '--yes'])).code).toBe(0);
      expect(await names(node)).toEqual(['office']);
      expect(await secrets(node)).toEqual(['office']);
      process.kill(pid, 'SIGTERM');
    },
  );

  ipsecTest('puts right what somebody changed', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    const [[, about] = []] = await listed(node);
    const [child = ''] = Object.keys((about?.children ?? {}) as object);
    await ask(node, (client) =>
      client.request(
        'load-conn',
        foreign(NAME, {
          remote_addrs: ['192.168.10.2'],
          children: { [child]: { local_ts: ['10.244.1.0/24'], remote_ts: ['10.244.2.0/24'] } },
        }),
      ),
    );
    const { plan } = await planOf(node);
    expect(plan.steps).toMatchObject([{ action: 'update', key: KEY, fields: ['settings'] }]);
    expect((await node.flan(['apply', '--yes'])).stdout).toContain('1 updated; verified');
    const [id = ''] = await secrets(node);
    await ask(node, (client) => client.request('unload-shared', { id }));
    expect(await stepsOf(node)).toEqual(['create ipsec-secret/10.244.0.0/16/192.168.10.1']);
    expect((await node.flan(['apply', '--yes'])).stdout).toContain('1 created; verified');
    expect((await secrets(node))[0]).toBe(id);
  });

  ipsecTest('changes key and options in place', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    const before = await secrets(node);
    lab.put(
      'network.yaml',
      ipsecNetwork({ PSK: PSK.toUpperCase(), UDPEncap: true, ESPProposal: 'aes256gcm16-x25519' }),
    );
    const { plan } = await planOf(node);
    expect(plan.steps.filter(({ key }) => key === KEY)).toMatchObject([
      { action: 'update', fields: ['espProposal', 'encapsulation'] },
    ]);
    expect((await node.flan(['apply', '--yes'])).stdout).toContain('verified');
    expect(await connections(node)).toMatchObject([
      { espProposal: 'aes256gcm16-x25519', encapsulation: 'always', settings: 'standard' },
    ]);
    const after = await secrets(node);
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect(node.subnetEnv()).toContain('FLANNEL_MTU=1415');
    lab.put('network.yaml', ipsecNetwork({ PSK: PSK.toUpperCase(), UDPEncap: true, ESPProposal: 'no-such-cipher' }));
    const refused = await node.flan(['apply', '--yes']);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain('invalid value for: esp_proposals');
  });

  ipsecTest('leaves a charon to those who have but a secret in it', {}, async (lab) => {
    const node = lab.node();
    await node.flan(['apply', '--yes']);
    const pid = charonPid(node);
    lab.onEnd(() => isAlive(pid) && process.kill(pid, 'SIGTERM'));
    await ask(node, (client) =>
      client.request('load-shared', { id: 'office', type: 'IKE', data: 'x', owners: ['198.51.100.1'] }),
    );
    expect((await node.flan(['destroy', '--yes'])).code).toBe(0);
    expect(isAlive(pid)).toBe(true);
    expect(await secrets(node)).toEqual(['office']);
  });

  ipsecTest('takes away what a charon left that was killed, and nothing else', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    await node.netns.sh(
      'ip xfrm policy add src 172.31.0.0/24 dst 10.244.2.0/24 dir out tmpl src 192.168.10.1 dst 192.168.10.2 proto esp mode tunnel',
    );
    const charon = charonOf(node);
    process.kill(charonPid(node), 'SIGKILL');
    while (charon !== undefined && isRunning(charon)) await sleep(5);
    expect(await node.netns.sh('ip xfrm policy')).toContain('src 10.244.1.0/24 dst 10.244.2.0/24');
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } });
    expect((await node.flan(['apply', '--yes', '--allow-mass-delete'])).stdout).toMatch(
      /delete +ike-daemon\/charon +ended/,
    );
    const policies = await node.netns.sh('ip xfrm policy');
    expect(policies).not.toContain('src 10.244.');
    expect(policies).toContain('src 172.31.0.0/24 dst 10.244.2.0/24');
    expect(stateOf(node).read()).toBeUndefined();
    expect(existsSync(socketOf(node))).toBe(false);
    expect(await stepsOf(node)).toEqual([]);
  });

  ipsecTest('knows the charon for its own that it started when it was killed', {}, async (lab) => {
    const node = lab.node();
    const run = node.start(['apply', '--yes']);
    const ended = once(run, 'exit');
    while (charonOf(node) === undefined && run.exitCode === null) await sleep(1);
    run.kill('SIGKILL');
    await ended;
    const pid = charonPid(node);
    expect((await node.flan(['apply', '--yes'])).code).toBe(0);
    expect(charonPid(node)).toBe(pid);
    expect((await node.flan(['destroy', '--yes'])).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  ipsecTest('tells that charon has not got its ports', {}, async (lab) => {
    const node = lab.node();
    const script = "require('node:dgram').createSocket('udp4').bind(500, () => console.log('bound'))";
    const holder = inNetns(node.netns.name, () => spawn(process.execPath, ['-e', script]));
    lab.onEnd(() => holder.kill());
    await once(holder.stdout, 'data');
    expect((await node.flan(['apply', '--yes'])).stdout).toContain('W_IPSEC_PORT_TAKEN');
    const { stdout } = await node.flan(['plan']);
    expect(stdout).toContain('UDP port 500, which charon needs, is held by');
    expect(stdout).not.toContain('UDP port 4500');
  });

  ipsecTest('is not spoken to by who has but another secret of the same charon', { nodes: 2 }, async (lab) => {
    const [node, rogue] = [lab.node(0), lab.node(1)];
    await node.flan(['apply', '--yes']);
    const office = (owners: readonly string[]) => ({ id: 'office', type: 'IKE', data: 'known to others', owners });
    await ask(node, (client) => client.request('load-shared', office(['rogue'])));
    lab.remove('node-a.yaml');
    await rogue.flan(['apply', '--yes']);
    const said = await ask(rogue, async (client) => {
      await client.request('clear-creds');
      await client.request('load-shared', office(['rogue', '192.168.10.1']));
      const evil = foreign('evil', {
        local_addrs: ['192.168.10.2'],
        remote_addrs: ['192.168.10.1'],
        proposals: ['aes256-sha256-modp4096'],
        local: { id: 'rogue', auth: 'psk' },
      });
      await client.request('load-conn', evil);
      await client.request('initiate', { ike: 'evil', timeout: '4000' }).catch(() => undefined);
      return (await client.list('list-sas', 'list-sa')).flatMap(sectionsIn).map(([, sa]) => sa.state);
    });
    expect(said).not.toContain('ESTABLISHED');
  });

  ipsecTest('is cleaned up after by the backend that follows it', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    const pid = charonPid(node);
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } });
    const { code, stdout, stderr } = await node.flan(['apply', '--yes', '--allow-mass-delete']);
    expect(code, stdout + stderr).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect(await node.netns.sh('ip xfrm policy')).not.toContain('10.244');
    expect(await node.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
    expect(await stepsOf(node)).toEqual([]);
  });
});

describe('backend ipsec, with a charon of somebody else’s', () => {
  ipsecTest('uses it, says when it is not there, and never ends it', { nodes: 2 }, async (lab) => {
    const [node, host] = [lab.node(0), lab.node(1)];
    // Any charon will do: connections are loaded into it, and that is all.
    await host.flan(['apply', '--yes']);
    await ask(host, (client) =>
      client.request('unload-conn', { name: 'flan:192.168.10.2-10.244.2.0/24-10.244.1.0/24-192.168.10.1' }),
    );
    const external = ['--vici-socket', socketOf(host)];
    const pid = charonPid(host);
    expect((await node.flan(['apply', '--yes', ...external])).code).toBe(0);
    expect(await names(host)).toEqual([NAME]);
    expect(stateOf(node).read()).toEqual({ socket: socketOf(host) });
    expect((await node.flan(['plan', ...external])).stdout).toContain('No changes');
    process.kill(pid, 0);
    expect((await host.flan(['plan', ...external])).stdout).toContain('W_IPSEC_CHARON_LEFT');
    expect((await node.flan(['plan'])).stdout).toContain(`flan destroy --vici-socket ${socketOf(host)}`);
    const missing = await node.flan(['plan', '--vici-socket', '/nonexistent/charon.vici']);
    expect(missing.stdout + missing.stderr).toContain('W_IPSEC_NO_CHARON');
    const failed = await node.flan(['apply', '--yes', '--vici-socket', '/nonexistent/charon.vici']);
    expect(failed.code).toBe(4);
    expect(failed.stdout + failed.stderr).toContain('no charon answers at /nonexistent/charon.vici');
  });
});
