import { FlanError } from '../errors.js';
import { cloudBackend } from './cloud.js';

/** Routes of a network of Google Compute Engine, to the VM that each node is. */
export const gce = cloudBackend({
  type: 'gce',
  optionNames: [],
  options: () => ({ tables: [] }),
  local: () => [],
  check: ({ forwards }, { instance }) => {
    if (forwards) return;
    throw new FlanError('E_BACKEND', `VM ${instance} may not forward packets: canIpForward is off`, {
      hint: 'Set canIpForward while the VM is stopped (gcloud compute instances update-from-file), or make it with --can-ip-forward.',
    });
  },
});
