import { expect } from 'vitest';
import { type Lab, type LabNode, labTest } from '../support/lab.js';
import { lastOf, untilState } from './support.js';

const network = (options: object) => ({
  ...{ Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' },
  Backend: { Type: 'vxlan', ...options },
});
const VXLAN = { families: '46', needs: ['vxlan'], network: network({}) } as const;

function putPeers(lab: Lab): void {
  for (const n of [2, 3]) {
    lab.put(`peer-${n}.yaml`, {
      ...{ node: `peer-${n}`, subnet: `10.244.${n}.0/24`, publicIP: `192.168.10.${n}` },
      ...{ ipv6Subnet: `fd00:10:244:${n}::/64`, publicIPv6: `fd00:192:168:10::${n}`, backendType: 'vxlan' },
      backendData: { VNI: 1, VtepMAC: `0e:00:00:00:00:0${n}` },
      backendV6Data: { VNI: 1, VtepMAC: `0e:00:00:00:06:0${n}` },
    });
  }
}

/** All that stands on and around the device, without what the kernel numbers and counts by itself. */
const overlayOf = ({ netns }: LabNode): Promise<string> =>
  netns.sh(
    [
      'ip -d link show flannel.1 | sed "s/^[0-9]*: //"',
      'ip -N -4 route show dev flannel.1; ip -N -6 route show dev flannel.1 proto 70',
      'ip neigh show dev flannel.1 | sort; bridge fdb show dev flannel.1 | sort',
      'ip -o address show dev flannel.1 scope global | sed "s/^[0-9]*: //" | sort',
    ].join('; '),
  );

labTest('a device that was made anew is put back with all that stood on it', VXLAN, async (lab) => {
  const a = lab.node();
  putPeers(lab);
  expect((await a.flan(['apply', '--yes'])).code).toBe(0);
  await a.netns.sh('ip address add 10.244.1.77/32 dev flannel.1; ip route add 10.250.0.0/16 dev flannel.1');
  const before = await overlayOf(a);
  lab.put('network.yaml', network({ Port: 8473 }));
  const applied = await a.flan(['apply', '--yes', '--confirm', '2s']);
  expect(applied, applied.stderr).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/-\/\+ +replace +link\/flannel\.1/),
  });
  expect(await overlayOf(a)).toContain('dstport 8473');
  await untilState(a, 'rolled-back');
  // Also what others had put there.
  expect(await overlayOf(a)).toBe(before);
});

labTest('what was taken over from another is given back', VXLAN, async (lab) => {
  const a = lab.node();
  putPeers(lab);
  await a.netns.sh(
    [
      'ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.10.1 dstport 8472 nolearning',
      'ip link set flannel.1 mtu 1400 address 0e:00:00:00:00:99 up; ip address add 10.244.1.0/32 dev flannel.1',
      'ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      'ip neigh add 10.244.2.0 lladdr 0e:00:00:00:00:55 dev flannel.1 nud permanent',
      'bridge fdb add 0e:00:00:00:00:55 dev flannel.1 dst 192.168.10.55',
    ].join('; '),
  );
  const before = await overlayOf(a);
  expect((await a.flan(['apply', '--yes', '--adopt', '--confirm', '10m', '--accept-risk'])).code).toBe(0);
  expect(await overlayOf(a)).not.toBe(before);
  const undone = await a.flan(['rollback', '--yes']);
  expect(undone.code, undone.stdout).toBe(0);
  expect(lastOf(a).state).toBe('rolled-back');
  expect(await overlayOf(a)).toBe(before);
});
