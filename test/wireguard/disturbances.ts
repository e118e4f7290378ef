import { type Family, NETWORK, UNDERLAY } from './overlay.js';

export interface Place {
  readonly dev: string;
  readonly family: Family;
  /** Public key of node b, as node a has it. */
  readonly peer: string;
}

interface Command {
  /** For sh(1). */
  readonly shell?: string;
  /** For wg(8). */
  readonly words?: string;
}

/** A key that nobody has. */
const NOBODY = 'WIcgzYUyZz6k1Tq8VnqO5m7uS7oB8sCbi8sYhF5p0VA=';
const elsewhere = (family: Family): string => (family === '4' ? '10.244.77.0/24' : 'fd00:10:244:77::/64');
const endpoint = (family: Family, n: number): string =>
  family === '4' ? `${UNDERLAY[family](n)}:5555` : `[${UNDERLAY[family](n)}]:5555`;

/** What somebody does on node a. */
export const DISTURBANCES: Readonly<Record<string, (place: Place) => Command>> = {
  'device deleted': ({ dev }) => ({ shell: `ip link del ${dev}` }),
  'device down': ({ dev }) => ({ shell: `ip link set ${dev} down` }),
  'MTU changed': ({ dev }) => ({ shell: `ip link set ${dev} mtu 1300` }),
  'alias taken away': ({ dev }) => ({ shell: `ip link set ${dev} alias ''` }),
  'address removed': ({ dev, family }) => ({ shell: `ip -${family} addr flush dev ${dev} scope global` }),
  'foreign address inside the network added': ({ dev, family }) => ({
    shell: `ip addr add ${family === '4' ? '10.244.7.7/32' : 'fd00:10:244:7::7/128'} dev ${dev}`,
  }),
  'route removed': ({ family }) => ({ shell: `ip route del ${NETWORK[family]}` }),
  'route led elsewhere': ({ family }) => ({ shell: `ip route replace ${NETWORK[family]} dev eth0` }),
  'own routes flushed': ({ family }) => ({ shell: `ip -${family} route flush proto 70` }),
  'peer removed': ({ dev, peer }) => ({ words: `set ${dev} peer ${peer} remove` }),
  'all peers removed': ({ dev }) => ({ words: `setconf ${dev} /dev/null` }),
  'foreign peer added': ({ dev, family }) => ({ words: `set ${dev} peer ${NOBODY} allowed-ips ${elsewhere(family)}` }),
  'prefixes of a peer changed': ({ dev, family, peer }) => ({
    words: `set ${dev} peer ${peer} allowed-ips ${elsewhere(family)}`,
  }),
  'prefixes of a peer stolen': ({ dev, family }) => ({
    words: `set ${dev} peer ${NOBODY} allowed-ips ${NETWORK[family]}`,
  }),
  'endpoint of a peer changed': ({ dev, family, peer }) => ({
    words: `set ${dev} peer ${peer} endpoint ${endpoint(family, 77)}`,
  }),
  'keepalive of a peer changed': ({ dev, peer }) => ({ words: `set ${dev} peer ${peer} persistent-keepalive 7` }),
  'preshared key of a peer taken away': ({ dev, peer }) => ({
    words: `set ${dev} peer ${peer} preshared-key /dev/null`,
  }),
  'private key taken away': ({ dev }) => ({ words: `set ${dev} private-key /dev/null` }),
  'listen port changed': ({ dev, family }) => ({ words: `set ${dev} listen-port 555${family}` }),
  'mark set': ({ dev }) => ({ words: `set ${dev} fwmark 99` }),
};
