import { type Check, type Finding, found, unknown } from './finding.js';

/** Beyond what a slow answer and a date in whole seconds explain. */
const DOUBTFUL_S = 30;
/** Certificates and tokens that were just made are refused about here. */
const WRONG_S = 300;

/** This host's clock against that of the store's server. */
export const clock: Check = {
  name: 'clock',
  judge: ({ store }) => {
    if (store.clock === undefined) {
      return unknown(store.type === 'file' ? 'there is no server to compare with' : 'no server told its time');
    }
    const { server, theirMs, ourMs } = store.clock;
    const offS = Math.round((ourMs - theirMs) / 1000);
    const words = `${Math.abs(offS)} s ${offS < 0 ? 'behind' : 'ahead of'} that of ${server}`;
    if (Math.abs(offS) < DOUBTFUL_S) return found([], `agrees with ${server}`);
    const finding: Finding = {
      code: 'D_CLOCK',
      severity: Math.abs(offS) >= WRONG_S ? 'error' : 'warning',
      what: `this host's clock is ${words}: certificates, tokens and the expiry of leases are judged by it`,
      fix: 'Set the clock and keep it right: `timedatectl set-ntp true`, or chrony.',
    };
    return found([finding], '');
  },
};
