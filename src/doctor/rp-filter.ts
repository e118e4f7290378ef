import type { HostState } from '../model/host-state.js';
import type { OverlayFacts } from './facts.js';
import { type Check, type Finding, found, NO_OVERLAY, well } from './finding.js';

const STRICT = 1;

/**
 * Strict reverse path filtering drops what comes in by another interface than the answer would leave by.
 * @see Documentation/networking/ip-sysctl.rst: the greater of `all` and the interface's own counts
 */
export const rpFilter: Check = {
  name: 'reverse path filter',
  judge: ({ host, overlay }) => {
    if (overlay === undefined) return NO_OVERLAY;
    if (overlay.network.ipv4 === undefined) return well('IPv6 has none');
    const findings = rpFilterFindings({ ...overlay, elsewhere: () => overlay.elsewhere }, host);
    return found(findings, 'drops nothing of the overlay');
  },
};

export interface ReversePaths extends Pick<OverlayFacts, 'external' | 'network' | 'devices'> {
  /** Asked only where it matters: the answer takes a look at the way to every peer. */
  readonly elsewhere: () => OverlayFacts['elsewhere'];
}

export function rpFilterFindings(
  { external, elsewhere, network, devices }: ReversePaths,
  { sysctls }: Pick<HostState, 'sysctls'>,
): Finding[] {
  const modeOf = (dev: string): number =>
    Math.max(...['all', dev].map((name) => Number(sysctls[`net/ipv4/conf/${name}/rp_filter`] ?? 0)));
  const dev = external.find(({ family }) => family === 4)?.dev;
  // Packets of a peer come in by the interface that it sends to: our external one.
  const others = dev !== undefined && modeOf(dev) === STRICT ? elsewhere() : [];
  const findings = others.map(
    ({ peer, address, dev: other }): Finding => ({
      code: 'D_RP_FILTER',
      severity: 'warning',
      what: `${dev} filters strictly (rp_filter=1), and the way to ${peer} (${address}) leads through ${other}: what it sends to ${dev} is dropped`,
      fix: `Run \`sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${dev}.rp_filter=2\`, or correct the routes to ${address}.`,
    }),
  );
  // With DirectRouting on one node alone, packets come by the tunnel and answers would not.
  const isMixed = Object.entries(network.backend.options).some(
    ([name, value]) => name.toLowerCase() === 'directrouting' && value === true,
  );
  const tunnels = devices
    .filter(({ name }) => isMixed && modeOf(name) === STRICT)
    .map(
      ({ name }): Finding => ({
        code: 'D_RP_FILTER',
        severity: 'warning',
        what: `${name} filters strictly (rp_filter=1): with DirectRouting the two directions may take different ways, and one is dropped`,
        fix: `Run \`sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${name}.rp_filter=2\`.`,
      }),
    );
  return [...findings, ...tunnels];
}
