import { FAMILIES } from '../model/ip.js';
import type { HostRoute } from '../model/way.js';
import { CommandSocket } from '../netlink/command.js';
import { dumpLinks, dumpRoutes } from '../netlink/dumps.js';
import { RT_TABLE_MAIN, RTN_UNICAST } from '../netlink/wire/constants.js';

/** Every route of the main table, of both families, whoever made it. @throws {FlanError} */
export function readRoutes({ netns }: { readonly netns?: string | undefined }): readonly HostRoute[] {
  const socket = CommandSocket.open({ netns });
  try {
    const names = new Map(dumpLinks(socket).map(({ index, name }) => [index, name ?? `index${index}`]));
    return FAMILIES.flatMap((family) =>
      dumpRoutes(socket, { family, table: RT_TABLE_MAIN })
        .filter((route) => route.tos === 0 && route.family === family)
        .map((route): HostRoute => {
          const hop = route.oif === undefined ? route.nexthops?.[0] : route;
          const dev = hop?.oif === undefined ? undefined : names.get(hop.oif);
          const via = hop?.via;
          return {
            dst: route.dst,
            metric: route.priority ?? (family === 6 ? 1024 : 0),
            carries: route.type === RTN_UNICAST ? 'packets' : 'nothing',
            ...(dev !== undefined && { dev }),
            ...(via !== undefined && { via }),
          };
        }),
    );
  } finally {
    socket.close();
  }
}
