import { FlanError } from '../errors.js';
import { route } from '../kinds/route.js';
import { contains, isLinkLocal } from '../model/ip.js';
import { leaseName, stacks } from '../model/lease.js';
import type { Backend } from './backend.js';

/** Plain routes through the peer's own address; every node must share one layer-2 segment. */
export const hostGw: Backend = {
  type: 'host-gw',
  publishedType: 'host-gw',
  families: [4, 6],
  remembers: false,
  usesLookups: () => false,
  optionNames: [],
  options: () => ({}),
  overheadBytes: () => 0,
  advertise: () => ({}),
  local: () => [],
  peer: ({ external, protocol }, lease) =>
    stacks(lease).flatMap(({ family, subnet, publicIp }) => {
      const dev = external[family]?.dev;
      return dev === undefined ? [] : [route({ dst: subnet, via: publicIp, dev, proto: protocol })];
    }),
  check: ({ external }) => {
    for (const ext of Object.values(external)) {
      if (ext.publicIp === ext.address) continue;
      throw new FlanError(
        'E_BACKEND',
        `host-gw needs peers to reach ${ext.dev} directly, but the public address ${ext.publicIp} is not its own (${ext.address})`,
        { hint: 'Unset public-ip, or use a tunnel backend such as vxlan across NAT.' },
      );
    }
    return [];
  },
  checkPeer: ({ external }, lease) =>
    stacks(lease).flatMap(({ family, publicIp }) => {
      const ext = external[family];
      if (!ext || ext.onLink.some((prefix) => contains(prefix, publicIp)) || isLinkLocal(publicIp)) return [];
      return [
        {
          code: 'W_PEER_NOT_ON_LINK',
          message: `${leaseName(lease)} has ${publicIp}, which no subnet of ${ext.dev} covers: host-gw cannot reach it`,
          hint: 'Put the nodes on one layer-2 segment, or use vxlan.',
        },
      ];
    }),
};
