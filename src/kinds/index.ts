import { type Kind, Kinds } from '../planner/kind.js';
import { addressKind } from './address.js';
import { cloudForwardingKind } from './cloud-forwarding.js';
import { cloudRouteKind } from './cloud-route.js';
import { extensionPeerKind } from './extension-peer.js';
import { extensionStartupKind } from './extension-startup.js';
import { fdbKind } from './fdb.js';
import { fileKind } from './file.js';
import { ikeDaemonKind } from './ike-daemon.js';
import { ipsecConnectionKind } from './ipsec-connection.js';
import { ipsecSecretKind } from './ipsec-secret.js';
import { iptablesRulesKind } from './iptables-rules.js';
import { leaseKind } from './lease.js';
import { linkKind } from './link.js';
import { neighbourKind } from './neighbour.js';
import { nftTableKind } from './nft-table.js';
import { offloadKind } from './offload.js';
import { routeKind } from './route.js';
import { ruleKind } from './rule.js';
import { sysctlKind } from './sysctl.js';
import { tunnelDeviceKind } from './tunnel-device.js';
import { tunnelPeerKind } from './tunnel-peer.js';
import { wireguardDeviceKind } from './wireguard-device.js';
import { wireguardPeerKind } from './wireguard-peer.js';

// Each kind is checked against its own resource type where it is written; the registry only forgets which one that is.
const all = [
  leaseKind,
  linkKind,
  addressKind,
  neighbourKind,
  fdbKind,
  routeKind,
  ruleKind,
  sysctlKind,
  offloadKind,
  wireguardDeviceKind,
  wireguardPeerKind,
  tunnelDeviceKind,
  tunnelPeerKind,
  ikeDaemonKind,
  ipsecSecretKind,
  ipsecConnectionKind,
  nftTableKind,
  iptablesRulesKind,
  cloudForwardingKind,
  cloudRouteKind,
  extensionStartupKind,
  extensionPeerKind,
  fileKind,
] as readonly unknown[] as Kind[];

export const kinds = new Kinds(all);
