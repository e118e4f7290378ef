// Records what this machine's kernel says about objects that ip(8) made, as the *.hex files beside this one. As root, in
// the repository's root: node_modules/.bin/tsx test/captures/record.ts [FILE…]
// Without names all but those that need another kernel, which the test VM has:
// node_modules/.bin/esbuild test/captures/record.ts --bundle --platform=node --format=esm --external:koffi \
//   --outfile=.cache/record.mjs && test/support/vm-run node .cache/record.mjs link-ipip
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { CommandSocket } from '../../src/netlink/command.js';
import { getAddresses } from '../../src/netlink/wire/address.js';
import { NLMSG_HEADER_BYTES } from '../../src/netlink/wire/constants.js';
import { getFdb } from '../../src/netlink/wire/fdb.js';
import { getLink } from '../../src/netlink/wire/link.js';
import { getNeighbours } from '../../src/netlink/wire/neighbour.js';
import type { Request } from '../../src/netlink/wire/request.js';
import { getRoutes } from '../../src/netlink/wire/route.js';
import { getRules } from '../../src/netlink/wire/rule.js';
import { makeNetns } from '../support/netns.js';

interface Recording {
  readonly file: string;
  /** Run one after the other; the file says all of them. */
  readonly commands: readonly string[];
  readonly dump: Request;
  /** Recorded only when named: not every kernel can. */
  readonly onlyNamed?: true;
}

const RECORDINGS: readonly Recording[] = [
  {
    file: 'link',
    commands: [
      'ip link add va type veth peer name vb',
      'ip link add br0 type bridge',
      'ip link set vb master br0 up',
      'ip link set va up',
      'ip link add flannel.1 mtu 1450 address 0e:2a:11:22:33:44 type vxlan id 1 dstport 8472 local 192.168.77.1 dev va nolearning',
      'ip link set flannel.1 alias flan',
      'ip tuntap add dev tun0 mode tun',
    ],
    dump: getLink(),
  },
  {
    file: 'link-ipip',
    commands: [
      'ip link add flannel.ipip mtu 1480 type ipip local 192.168.77.1 remote any nopmtudisc',
      'ip link set flannel.ipip alias flan up',
      'ip link add t1 type ipip local 192.168.77.1 remote 192.168.77.2 ttl 64 tos 0x10',
      'ip link add t2 type ipip external',
      'ip link add t3 type ipip local 192.168.77.3 remote any fwmark 7',
    ],
    dump: getLink(),
    onlyNamed: true,
  },
  {
    file: 'address',
    commands: [
      'ip address add 192.168.77.1/24 broadcast + dev va',
      'ip address add 10.1.1.1 peer 10.1.1.2/32 dev va label va:1',
      'ip address add fd00::1/64 dev va nodad preferred_lft 100 valid_lft 200',
    ],
    dump: getAddresses({}),
  },
  {
    file: 'route4',
    commands: [
      'ip route add 10.5.1.0/24 via 192.168.77.2 dev va proto 70',
      'ip route add default via 192.168.77.3 dev va metric 50 table 1000',
      'ip route add 10.5.2.0/24 via 10.5.2.0 dev va onlink src 192.168.77.1 proto 70',
      'ip route add 10.5.3.0/24 dev va mtu 1400 tos 0x10',
      'ip route add 10.5.4.0/24 dev va mtu 1400 advmss 1300 rto_min 20ms',
      'ip route add 10.5.5.0/24 via inet6 fe80::9 dev va',
      'ip route add 10.5.6.0/24 nexthop via 192.168.77.2 dev va weight 1 nexthop via 192.168.77.3 dev va weight 200',
      'ip route add blackhole 10.5.7.0/24 proto 70',
      'ip route add unreachable 10.5.8.0/24 metric 4278198272',
      'ip route add prohibit 10.5.9.0/24',
    ],
    dump: getRoutes({ family: 4 }),
  },
  {
    file: 'route6',
    commands: [
      'ip -6 route add fd00:5:1::/64 via fe80::2 dev va proto 70',
      'ip -6 route add default via fe80::3 dev va metric 50 table 1000',
      'ip -6 route add fd00:5:2::/64 dev va mtu 1400 expires 600',
      'ip -6 route add fd00:5:3::/64 nexthop via fe80::2 dev va weight 1 nexthop via fe80::3 dev va weight 2',
      'ip -6 route add fd00:5:4::/64 from fd00:9::/64 dev va',
      'ip -6 route add blackhole fd00:5:5::/64 proto 70',
    ],
    dump: getRoutes({ family: 6 }),
  },
  {
    file: 'neighbour4',
    commands: ['ip neighbour add 10.5.1.0 lladdr 0e:00:00:00:00:01 dev va protocol 70 extern_learn'],
    dump: getNeighbours({ family: 4 }),
  },
  {
    file: 'neighbour6',
    commands: ['ip neighbour add fd00::5 lladdr 0e:00:00:00:00:05 dev va nud permanent protocol 70'],
    dump: getNeighbours({ family: 6 }),
  },
  {
    file: 'fdb',
    commands: [
      'ip link set flannel.1 up',
      'bridge fdb append 0e:00:00:00:00:01 dev flannel.1 dst 192.168.77.7 port 4789 vni 9 via va',
      'bridge fdb add 0e:00:00:00:00:02 dev flannel.1 dst 192.168.77.8',
      'bridge fdb add 0e:00:00:00:00:03 dev vb master static',
    ],
    dump: getFdb({}),
  },
  {
    file: 'rule4',
    commands: [
      'ip rule add priority 100 from 10.5.0.0/16 to 10.6.0.0/16 fwmark 0x10/0xff lookup 1000 proto 70',
      'ip rule add not priority 101 from all iif va oif br0 tos 0x10 lookup 200',
      'ip rule add priority 102 ipproto tcp sport 1-5 dport 80 uidrange 0-99 blackhole',
      'ip rule add priority 103 lookup main suppress_prefixlength 0',
      'ip rule add priority 104 goto 32766',
    ],
    dump: getRules(4),
  },
  { file: 'rule6', commands: ['ip -6 rule add priority 100 to fd00:5::/48 lookup 200'], dump: getRules(6) },
];

const netns = makeNetns('record');
const socket = CommandSocket.open({ netns: netns.name });
const iproute = execFileSync('ip', ['-V'], { encoding: 'utf8' }).trim();
const names = process.argv.slice(2);
const isAsked = ({ file, onlyNamed }: Recording): boolean => (names.length > 0 ? names.includes(file) : !onlyNamed);
for (const { file, commands, dump } of RECORDINGS.filter(isAsked)) {
  for (const command of commands) execFileSync('ip', ['netns', 'exec', netns.name, 'sh', '-c', command]);
  const messages = socket.dump(dump, ({ bytes, offset, length }) =>
    Buffer.from(bytes.subarray(offset - NLMSG_HEADER_BYTES, offset + length)).toString('hex'),
  );
  const comments = commands.map((command) => `# ${command}\n`).join('');
  writeFileSync(
    `test/captures/${file}.hex`,
    `${comments}# Linux ${release().split('-')[0]}, ${iproute}\n${messages.join('\n')}\n`,
  );
}
socket.close();
netns.close();
