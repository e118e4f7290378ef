import { type Check, type Finding, found, NO_OVERLAY, unknown, well } from './finding.js';

/** The kernel module that each backend's devices are of, or its packets pass through. */
const MODULE_OF: Readonly<Record<string, string>> = {
  vxlan: 'vxlan',
  ipip: 'ipip',
  wireguard: 'wireguard',
  ipsec: 'esp4',
};

const missing = (module: string, backend: string): Finding => ({
  code: 'D_MODULE_MISSING',
  severity: 'error',
  what: `backend ${backend} needs the kernel module ${module}, which this kernel does not have`,
  fix: `Install the package with this kernel's modules (Debian: linux-image-$(uname -r)) and run \`modprobe ${module}\`, or use another backend.`,
});

/** Whether this kernel can make the devices of the backend. */
export const modules: Check = {
  name: 'kernel modules',
  judge: ({ host, overlay }) => {
    if (overlay === undefined) return NO_OVERLAY;
    const { backend, links } = overlay;
    if (backend === 'udp') return tunDevice(host.devices);
    const module = MODULE_OF[backend];
    if (module === undefined) return well(`backend ${backend} needs none`);
    if (links.some(({ kind }) => kind === module)) return well(`${module} is in use`);
    const state = host.modules[module] ?? 'unknown';
    if (state === 'present') return well(`${module} is there`);
    if (backend === 'wireguard' && host.programs.includes('wireguard-go')) {
      return well('the kernel has no WireGuard, but wireguard-go is installed');
    }
    if (state === 'absent') return found([missing(module, backend)], '');
    return unknown(`${module} is not loaded, and /lib/modules does not tell whether it could be`);
  },
};

function tunDevice(devices: readonly string[]) {
  const finding: Finding = {
    code: 'D_TUN_MISSING',
    severity: 'error',
    what: 'backend udp needs /dev/net/tun, which is not there or may not be opened',
    fix: 'Run `modprobe tun`; in a container, give it the device /dev/net/tun.',
  };
  return found(devices.includes('/dev/net/tun') ? [] : [finding], '/dev/net/tun is there');
}
