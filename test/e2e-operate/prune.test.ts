import { describe, expect } from 'vitest';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

const BACK_TO = (type: string, more: object = {}): object => ({
  Network: '10.244.0.0/16',
  ...more,
  Backend: { Type: type },
});

const everything = async ({ netns }: LabNode): Promise<string> =>
  netns.sh('ip -N route show table all; ip -6 -N route; ip -N neigh show nud permanent; ip -br link; bridge fdb');

describe('flan prune', () => {
  labTest(
    'removes the device of another backend, peers that are gone, and old networks that are named; creates nothing',
    { network: BACK_TO('vxlan'), needs: ['vxlan'] },
    async (lab) => {
      const a = lab.node();
      lab.put('node-b.yaml', {
        ...peerLease('b'),
        ...{ backendType: 'vxlan', backendData: { VtepMAC: '46:00:00:00:04:02' } },
      });
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      lab.put('network.yaml', BACK_TO('host-gw'));
      lab.remove('node-b.yaml');
      lab.put('node-c.yaml', peerLease('c'));
      await a.netns.sh(
        'ip route add 10.243.7.0/24 via 192.168.10.7 proto 70; ip route add 10.243.8.0/24 via 192.168.10.8 proto static',
      );
      const before = await everything(a);
      const shown = await a.flan(['prune', '--dry-run']);
      expect(shown.stdout).toMatch(/^ {2}- {3}delete +link\/flannel\.1 /m);
      expect(shown.stdout).not.toMatch(/create|10\.243\./);
      expect(await everything(a)).toBe(before);
      const pruned = await a.flan(['prune', '--yes', '--network', '10.243.0.0/16']);
      expect(pruned).toMatchObject({ code: 0, stderr: '' });
      expect(pruned.stdout).toMatch(/^Applied: \d+ deleted; verified\.$/m);
      expect(await a.routes()).toEqual([]);
      const after = await everything(a);
      expect(after).not.toMatch(/flannel\.1|46:00:00:00:04:02|10\.243\.7\./);
      expect(after).toContain('10.243.8.0/24 via 192.168.10.8');
      const again: unknown = JSON.parse((await a.flan(['prune', '--yes', '--json'])).stdout);
      expect(again).toMatchObject({ kind: 'flan.prune', verified: true, plan: { steps: [] } });
      expect(faultsOf('prune', again)).toEqual([]);
    },
  );

  labTest('removes the rules of the other packet filter', { needs: ['nft', 'iptables'] }, async (lab) => {
    const a = lab.node();
    const rules = ['--ip-masq', '--iptables-forward-rules'];
    lab.put('network.yaml', BACK_TO('host-gw', { EnableNFTables: true }));
    expect((await a.flan(['apply', '--yes', ...rules])).code).toBe(0);
    lab.put('network.yaml', BACK_TO('host-gw'));
    expect(await a.netns.sh('nft list tables')).toContain('flannel-ipv4');
    const pruned = await a.flan(['prune', '--yes', ...rules]);
    expect(pruned.stdout).toMatch(/delete +nft-table\/ip\/flannel-ipv4/);
    expect(pruned.code).toBe(0);
    expect(await a.netns.sh('nft list tables')).not.toContain('flannel-ipv4');
    expect(await a.netns.sh('iptables-save')).not.toContain('FLANNEL');
  });

  labTest('stops at a store that has lost its leases, and where another flan works', {}, async (lab) => {
    const a = lab.node();
    for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const routes = await a.routes();
    for (const letter of ['b', 'c', 'd']) lab.remove(`node-${letter}.yaml`);
    const kept = await a.flan(['prune', '--yes', '--protect', '10.244.3.0/24']);
    expect(kept.stderr).toMatch(/^Error E_PROTECTED: route\/main\/10\.244\.3\.0\/24/m);
    const held = await a.flan(['prune', '--yes']);
    expect(held.code).toBe(8);
    expect(held.stderr).toMatch(/^Error E_MASS_DELETE.*all peers/m);
    expect(await a.routes()).toEqual(routes);
    expect((await a.flan(['prune', '--yes', '--allow-mass-delete'])).code).toBe(0);
    expect(await a.routes()).toEqual([]);
    expect((await a.flan(['history'])).stdout.match(/ prune: 3 × delete$/gm)).toHaveLength(1);
    expect((await a.flan(['prune', '--yes', '--network', 'x'])).code).toBe(64);
    const daemon = await a.watch();
    expect((await a.flan(['prune', '--yes'])).stderr).toMatch(/^Error E_LOCKED.*flan watch/m);
    await daemon.stop();
  });
});
