import type { ConfigText } from '../model/host-state.js';
import { contains, type Prefix, tryPrefix } from '../model/ip.js';
import { networksOf } from '../model/network.js';
import { type Check, type Finding, found, NO_OVERLAY, well } from './finding.js';
import { managerNamed } from './managers.js';

/** Sources that zones with target ACCEPT let through; of two zones of one name the first counts. @see firewalld.zone(5) */
export function trustedSources(zones: readonly ConfigText[]): readonly Prefix[] {
  const byName = new Map<string, string>();
  for (const { path, text } of zones) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (!byName.has(name)) byName.set(name, text.replace(/<!--[\s\S]*?-->/g, ''));
  }
  return [...byName.values()]
    .filter((text) => /<zone\b[^>]*\btarget=["']ACCEPT["']/.test(text))
    .flatMap((text) => [...text.matchAll(/<source\b[^>]*\baddress=["']([^"']*)["']/g)])
    .flatMap(([, source = '']) => tryPrefix(source) ?? []);
}

/** firewalld rejects what it forwards unless a zone says otherwise. */
export const firewalld: Check = {
  name: 'firewalld',
  judge: ({ host, overlay }) => {
    if (managerNamed(host, 'firewalld') === undefined) return well('does not run here');
    if (overlay === undefined) return NO_OVERLAY;
    const trusted = trustedSources(host.firewalldZones);
    const findings = networksOf(overlay.network)
      .filter((network) => !trusted.some((source) => contains(source, network)))
      .map(
        (network): Finding => ({
          code: 'D_FIREWALLD',
          severity: 'warning',
          what: `firewalld runs, and no zone that accepts everything has the source ${network}: it may reject what pods send`,
          fix: `Run \`firewall-cmd --permanent --zone=trusted --add-source=${network}\` and \`firewall-cmd --reload\`.`,
        }),
      );
    return found(findings, 'lets the overlay through');
  },
};
