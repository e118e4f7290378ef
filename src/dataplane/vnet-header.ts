/** What stands before each packet on a TUN device with offloads. @see uapi/linux/virtio_net.h, VIRTIO 1.2 §5.1.6 */
export const VNET = { bytes: 10, flags: 0, type: 1, headerLength: 2, segmentBytes: 4, start: 6, offset: 8 } as const;
/** The transport checksum is yet to be computed, from `start` on, into `start + offset`. */
export const NEEDS_CHECKSUM = 1;
export const GSO_NONE = 0;
export const GSO_TCP4 = 1;
export const GSO_TCP6 = 4;
export const GSO_UDP = 5;
/** A bit beside the type. */
export const GSO_ECN = 0x80;
