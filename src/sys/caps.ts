import { readFileSync } from 'node:fs';

/** Bit numbers. @see uapi/linux/capability.h */
export const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 } as const;
export type Capability = keyof typeof CAPABILITIES;

/** The `CapEff` line of proc_pid_status(5) as a set of bits; no bits when the line is missing. */
export function effectiveCapabilities(status: string): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

export const hasCapability = (
  capability: Capability,
  status: string = readFileSync('/proc/thread-self/status', 'utf8'),
): boolean => ((effectiveCapabilities(status) >> BigInt(CAPABILITIES[capability])) & 1n) === 1n;
