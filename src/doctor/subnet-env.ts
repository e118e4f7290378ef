import type { Family } from '../model/ip.js';
import { stackOf } from '../model/lease.js';
import { type Check, type Finding, found, NO_OVERLAY } from './finding.js';

const READABLE_BY_ALL = 0o444;

/** The file that the container runtime reads: there, readable, and of the lease that is held. */
export const subnetEnv: Check = {
  name: 'subnet.env',
  judge: ({ subnetEnv: { path, state, values, mode }, overlay }) => {
    if (state === 'unreadable') {
      const what = `${path} cannot be read`;
      return found([{ code: 'D_SUBNET_ENV', severity: 'error', what, fix: 'Run `flan doctor` as root.' }], '');
    }
    if (overlay === undefined) return NO_OVERLAY;
    const { own } = overlay;
    if (own === undefined) return { state: 'unknown', why: 'this node holds no lease yet: run `flan apply`' };
    const findings: Finding[] = [];
    if (state === 'missing') {
      const what = `${path} is not there: no pod can be started`;
      findings.push({ code: 'D_SUBNET_ENV', severity: 'error', what, fix: 'Run `flan apply`, or start `flan watch`.' });
    } else {
      if (mode !== undefined && (mode & READABLE_BY_ALL) !== READABLE_BY_ALL) {
        const what = `${path} has mode ${mode.toString(8)}: not everybody can read it`;
        findings.push({ code: 'D_SUBNET_ENV_MODE', severity: 'warning', what, fix: `Run \`chmod 644 ${path}\`.` });
      }
      for (const family of [4, 6] as const satisfies readonly Family[]) {
        const [told, held] = [family === 4 ? values.ipv4 : values.ipv6, stackOf(own, family)?.subnet];
        if (told === held) continue;
        const what = `${path} says ${told ?? `no IPv${family} subnet`}, but this node holds ${held ?? 'none'}: new pods get wrong addresses`;
        findings.push({ code: 'D_SUBNET_ENV_STALE', severity: 'error', what, fix: 'Run `flan apply`.' });
      }
    }
    return found(findings, `${path} is that of the lease`);
  },
};
