import { FlanError } from '../errors.js';
import { hasCapability } from '../sys/caps.js';

/** Changing the network needs CAP_NET_ADMIN; looking at it does not. @throws {FlanError} E_PERMISSION */
export function requirePrivilege(what: string): void {
  if (hasCapability('CAP_NET_ADMIN')) return;
  throw new FlanError('E_PERMISSION', `${what} needs CAP_NET_ADMIN, which this process does not have`, {
    hint: 'Run it as root, or grant the capability; `flan plan` works without.',
  });
}
