import type { HostState } from '../model/host-state.js';
import { familiesOf, type Network } from '../model/network.js';
import { type Check, type Finding, found, NO_OVERLAY, unknown } from './finding.js';

const SYSCTL = { 4: 'net/ipv4/ip_forward', 6: 'net/ipv6/conf/all/forwarding' } as const;

/** A host that does not forward carries its own packets and none of its pods'. */
export const forwarding: Check = {
  name: 'forwarding',
  judge: ({ host, overlay }) => {
    if (overlay === undefined) return NO_OVERLAY;
    const families = familiesOf(overlay.network);
    if (families.every((family) => host.sysctls[SYSCTL[family]] === undefined)) {
      return unknown('/proc/sys does not tell');
    }
    return found(forwardingFindings(overlay.network, host), `IPv${families.join(' and IPv')} is forwarded`);
  },
};

export const forwardingFindings = (network: Network, { sysctls }: Pick<HostState, 'sysctls'>): Finding[] =>
  familiesOf(network)
    .filter((family) => sysctls[SYSCTL[family]] === '0')
    .map((family): Finding => {
      const name = SYSCTL[family].replaceAll('/', '.');
      return {
        code: 'D_FORWARDING_OFF',
        severity: 'error',
        what: `this host does not forward IPv${family} (${name} is 0): pods reach nothing outside it`,
        fix: `Run \`sysctl -w ${name}=1\`, and write it into /etc/sysctl.d/ to keep it.`,
      };
    });
