import { type Check, type Finding, found, well } from './finding.js';

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Whether the certificates on the way to the store are valid, and for how long. */
export const certificates: Check = {
  name: 'certificates',
  judge: ({ store: { certificates: all }, nowMs }) => {
    if (all.length === 0) return well('none are in use');
    const findings = all.flatMap(({ what, validFromMs, validToMs }): Finding[] => {
      const fix = `Renew the ${what}.`;
      if (validToMs <= nowMs) {
        return [{ code: 'D_CERT_EXPIRED', severity: 'error', what: `the ${what} expired on ${day(validToMs)}`, fix }];
      }
      if (validFromMs > nowMs) {
        const early = `the ${what} is valid from ${day(validFromMs)} on, which is not yet`;
        return [{ code: 'D_CERT_NOT_YET', severity: 'error', what: early, fix: "Set this host's clock, or wait." }];
      }
      if (validToMs - nowMs > SOON_MS) return [];
      const days = Math.floor((validToMs - nowMs) / DAY_MS);
      const soon = `the ${what} expires on ${day(validToMs)}, in ${days} ${days === 1 ? 'day' : 'days'}`;
      return [{ code: 'D_CERT_EXPIRES', severity: 'warning', what: soon, fix }];
    });
    const first = all.reduce((a, b) => (b.validToMs < a.validToMs ? b : a));
    return found(findings, `the first to expire is the ${first.what}, on ${day(first.validToMs)}`);
  },
};
