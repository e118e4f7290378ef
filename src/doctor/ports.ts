import type { OverlayFacts } from './facts.js';
import { type Check, type Finding, found, NO_OVERLAY, unknown } from './finding.js';

/** Whose sockets are the backend's own: flan carries `udp`, flanneld did so before, wireguard-go serves WireGuard, charon ipsec. */
const OURS: ReadonlySet<string> = new Set(['flan', 'flanneld', 'wireguard-go', 'charon', 'charon-systemd']);

/** Whether the UDP ports of the backend are free, or its own. */
export const ports: Check = {
  name: 'UDP ports',
  judge: ({ overlay, host }) => {
    if (overlay === undefined) return NO_OVERLAY;
    const findings = [...takenByProcesses(overlay), ...takenByDevices(overlay)];
    if (findings.length > 0) return found(findings, '');
    const unseen = overlay.ports.find(({ port }) => isHeldUnseen(overlay, port));
    if (unseen !== undefined && !host.capabilities.includes('CAP_SYS_ADMIN')) {
      return unknown(`port ${unseen.port} is in use, and only root can see by whom`);
    }
    const words = overlay.ports.map(({ port, what }) => `${port} (${what})`);
    return found([], words.length === 0 ? 'the backend uses none' : `${words.join(', ')}: nobody else holds them`);
  },
};

const takenByProcesses = ({ ports: needed, sockets }: OverlayFacts): Finding[] =>
  needed.flatMap(({ port, what, chosenBy }) => {
    const holders = new Map(
      sockets.flatMap(({ port: held, owner }) =>
        held === port && owner !== undefined && !OURS.has(owner.name) ? [[owner.pid, owner.name] as const] : [],
      ),
    );
    return [...holders].map(
      ([pid, name]): Finding => ({
        code: 'D_PORT_TAKEN',
        severity: 'error',
        what: `UDP port ${port}, which ${what} needs, is held by ${name} (pid ${pid})`,
        fix:
          chosenBy === 'protocol'
            ? `Stop ${name} or give it another port: peers expect ${what} on this one.`
            : `Stop ${name} or give it another port; or choose another port in the network config, on all nodes at once.`,
      }),
    );
  });

/** The kernel allows one VXLAN device per VNI and port. */
const takenByDevices = ({ devices, vxlans }: OverlayFacts): Finding[] =>
  devices.flatMap(({ name, fixed }) => {
    if (!('vni' in fixed)) return [];
    return (
      vxlans
        .filter((other) => other.name !== name && other.vni === fixed.vni && other.port === fixed.port)
        // Ours of the other family stands beside it.
        .filter((other) => !devices.some((device) => device.name === other.name))
        .map(
          (other): Finding => ({
            code: 'D_VNI_TAKEN',
            severity: 'error',
            what: `${other.name} has VNI ${fixed.vni} on port ${fixed.port} already: the kernel lets ${name} not be made beside it`,
            fix: `Remove ${other.name} if nobody uses it (\`ip link del ${other.name}\`), or set Backend.VNI or Backend.Port in the network config.`,
          }),
        )
    );
  });

/** Held, by nobody that can be seen, and by no device that would explain it. */
const isHeldUnseen = ({ sockets, vxlans, links }: OverlayFacts, port: number): boolean =>
  sockets.some((socket) => socket.port === port && socket.owner === undefined) &&
  !vxlans.some((device) => device.port === port) &&
  !links.some(({ kind }) => kind === 'wireguard');
