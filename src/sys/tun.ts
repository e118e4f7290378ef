import { closeSync, constants, openSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { checked, libcFunction, SysError } from './ffi.js';
import { inNetns } from './netns.js';

/** @see uapi/linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETLE = 0x400454dc;
const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFREQ_BYTES = 40;

/** What the kernel leaves to us on the way out of the device, and takes from us on the way in. TUN_F_* */
const CSUM = 0x01;
const TSO4 = 0x02;
const TSO6 = 0x04;
const TSO_ECN = 0x08;
const USO4 = 0x20;
const USO6 = 0x40;

/** `tcp`: packets of up to 64 KiB that hold many TCP segments; `tcp+udp`: UDP too, since Linux 6.2. */
export type TunOffload = 'tcp+udp' | 'tcp' | 'none';

const OFFLOADS: readonly (readonly [TunOffload, number])[] = [
  ['tcp+udp', CSUM | TSO4 | TSO6 | TSO_ECN | USO4 | USO6],
  ['tcp', CSUM | TSO4 | TSO6],
  ['none', 0],
];

const ioctl = libcFunction('int ioctl(int fd, unsigned long request, uint8_t *argument)');
const ioctlNumber = libcFunction('int ioctl(int fd, unsigned long request, unsigned long argument)');

export interface TunOptions {
  readonly name: string;
  readonly netns?: string | undefined;
  /** How many descriptors are wanted; a device that exists keeps the kind it was made as. */
  readonly queues: number;
}

export interface TunQueues {
  /** One descriptor per queue, non-blocking; each packet is preceded by a `struct virtio_net_hdr` of 10 bytes. */
  readonly fds: readonly number[];
  readonly offload: TunOffload;
}

/**
 * Makes a TUN device, or attaches to one that nobody has open. It goes away with its last descriptor unless `keepTun`
 * was told to keep it.
 * @throws {FlanError} E_CONFLICT when the name is taken, E_PERMISSION, E_UNSUPPORTED without TUN
 */
export function openTun(options: TunOptions): TunQueues {
  const kinds = options.queues > 1 ? [IFF_MULTI_QUEUE, 0] : [0, IFF_MULTI_QUEUE];
  for (const kind of kinds) {
    const fds: number[] = [];
    try {
      const count = kind === 0 ? 1 : options.queues;
      while (fds.length < count) fds.push(attach(options, kind));
      return { fds, offload: negotiate(fds) };
    } catch (cause) {
      for (const fd of fds) closeSync(fd);
      // EINVAL: it was made for one queue and is asked for several, or the other way round.
      if (cause instanceof SysError && cause.errnoName === 'EINVAL' && kind === kinds[0]) continue;
      throw refusal(options.name, cause);
    }
  }
  throw new FlanError('E_BUG', `${options.name}: no kind of TUN device was tried`);
}

/** Whether the device stays when nobody has it open. */
export function keepTun(fd: number, keep: 'yes' | 'no'): void {
  checked('ioctl TUNSETPERSIST', ioctlNumber(fd, TUNSETPERSIST, keep === 'yes' ? 1 : 0));
}

function attach({ name, netns }: TunOptions, kind: number): number {
  const open = (): number => openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  // A device belongs to the namespace in which /dev/net/tun was opened.
  const fd = netns === undefined ? open() : inNetns(netns, open);
  try {
    const request = new Uint8Array(IFREQ_BYTES);
    new TextEncoder().encodeInto(name, request.subarray(0, 15));
    new DataView(request.buffer).setUint16(16, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | kind, true);
    checked('ioctl TUNSETIFF', ioctl(fd, TUNSETIFF, request));
    // Header fields are little-endian whatever the machine; kernels before 4.0 have no other.
    ioctl(fd, TUNSETVNETLE, new Uint8Array([1, 0, 0, 0]));
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

function negotiate(fds: readonly number[]): TunOffload {
  for (const [offload, flags] of OFFLOADS) {
    if (fds.every((fd) => ioctlNumber(fd, TUNSETOFFLOAD, flags) === 0)) return offload;
  }
  return 'none';
}

function refusal(name: string, cause: unknown): unknown {
  const errno = cause instanceof SysError ? cause.errnoName : (cause as NodeJS.ErrnoException).code;
  switch (errno) {
    case 'EBUSY':
      return new FlanError('E_CONFLICT', `${name}: another process has this device open`, {
        hint: 'Stop the other daemon (flanneld, or another flan), then try again.',
        retry: true,
        cause,
      });
    case 'EINVAL':
      return new FlanError('E_CONFLICT', `${name}: there is a device of that name that is no TUN device`, {
        hint: `Look at it with 'ip -d link show ${name}', and delete it if nobody needs it.`,
        cause,
      });
    case 'EPERM':
    case 'EACCES':
      return new FlanError('E_PERMISSION', `${name}: making a TUN device is not permitted`, {
        hint: 'Run as root or with CAP_NET_ADMIN, and give the container /dev/net/tun.',
        cause,
      });
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new FlanError('E_UNSUPPORTED', `${name}: this host has no /dev/net/tun`, {
        hint: "Load the module 'tun', give the container /dev/net/tun, or use vxlan.",
        cause,
      });
    default:
      return cause;
  }
}
