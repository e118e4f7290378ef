import type { ConfigText } from '../model/host-state.js';
import { type Check, type Finding, found, NO_OVERLAY, well } from './finding.js';
import { assignments, inReadingOrder, type Layout } from './ini.js';
import { managerNamed } from './managers.js';

const LAYOUT: Layout = {
  main: 'NetworkManager.conf',
  dropIns: 'conf.d',
  folders: ['/etc/NetworkManager', '/run/NetworkManager', '/usr/lib/NetworkManager'],
};

/** Device specifications of `unmanaged-devices`: the last list counts, and `+=` adds to it. @see NetworkManager.conf(5) */
export function unmanagedDevices(files: readonly ConfigText[]): readonly string[] {
  let specs: readonly string[] = [];
  for (const { section, key, value } of inReadingOrder(files, LAYOUT).flatMap(assignments)) {
    if (section !== 'keyfile' || !/^unmanaged-devices *\+?$/.test(key)) continue;
    const given = value.split(/[;,]/).filter((spec) => spec !== '');
    specs = key.endsWith('+') ? [...specs, ...given] : given;
  }
  return specs;
}

/** Whether a specification by name covers a device: `interface-name:flannel*`, `flannel.1`; those by MAC are not read. */
export function covers(spec: string, device: string): boolean {
  const [, not, pattern] = /^(except:)?(?:interface-name:=?~?)?([^:]*)$/.exec(spec) ?? [];
  if (pattern === undefined || pattern === '' || not !== undefined) return false;
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`).test(device);
}

/** NetworkManager takes devices into its hands that it was not told to leave alone. */
export const networkManager: Check = {
  name: 'NetworkManager',
  judge: ({ host, overlay }) => {
    if (managerNamed(host, 'NetworkManager') === undefined) return well('does not run here');
    if (overlay === undefined) return NO_OVERLAY;
    const specs = unmanagedDevices(host.networkManagerFiles);
    const managed = overlay.devices.filter(({ name }) => !specs.some((spec) => covers(spec, name)));
    const findings = managed.map(
      ({ name }): Finding => ({
        code: 'D_NETWORK_MANAGER',
        severity: 'warning',
        what: `NetworkManager runs and is not told to leave ${name} alone: it may take its addresses away`,
        fix: "Write '[keyfile]' and 'unmanaged-devices+=interface-name:flannel*' into /etc/NetworkManager/conf.d/flan.conf, then reload it.",
      }),
    );
    return found(findings, overlay.devices.length === 0 ? 'flan makes no devices here' : "leaves flan's devices alone");
  },
};
