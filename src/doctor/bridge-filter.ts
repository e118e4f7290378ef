import type { HostState } from '../model/host-state.js';
import { familiesOf, type Network } from '../model/network.js';
import { type Check, type Finding, found, NO_OVERLAY, well } from './finding.js';

const SYSCTL = { 4: 'net/bridge/bridge-nf-call-iptables', 6: 'net/bridge/bridge-nf-call-ip6tables' } as const;

/** kube-proxy's rules must see what pods of one node send each other over the bridge. */
export const bridgeFilter: Check = {
  name: 'bridge netfilter',
  judge: ({ host, store, overlay }) => {
    if (store.type !== 'kubernetes') return well('only matters with kube-proxy');
    if (overlay === undefined) return NO_OVERLAY;
    return found(bridgeFindings(overlay.network, host), 'rules see bridged packets');
  },
};

/** For a node of Kubernetes. */
export function bridgeFindings(network: Network, { sysctls }: Pick<HostState, 'sysctls'>): Finding[] {
  const findings = familiesOf(network).flatMap((family): Finding[] => {
    const value = sysctls[SYSCTL[family]];
    if (value === '1') return [];
    const name = SYSCTL[family].replaceAll('/', '.');
    const fix = `Run \`modprobe br_netfilter\` and \`sysctl -w ${name}=1\`; keep both in /etc/modules-load.d/ and /etc/sysctl.d/.`;
    const what = value === undefined ? 'the kernel module br_netfilter is not loaded' : `${name} is ${value}`;
    return [
      {
        code: value === undefined ? 'D_BR_NETFILTER' : 'D_BRIDGE_NF',
        severity: 'warning',
        what: `${what}: a pod cannot reach a service whose pod is on the same node`,
        fix,
      },
    ];
  });
  return findings.slice(0, findings[0]?.code === 'D_BR_NETFILTER' ? 1 : 2);
}
