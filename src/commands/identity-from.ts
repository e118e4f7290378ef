import type { Settings } from '../config/settings.js';
import { readIdentity } from '../host/identity.js';
import type { Identity } from '../model/facts.js';

/** Who this node is, for the store that the settings name. @throws {FlanError} E_IDENTITY */
export const identityFrom = (settings: Settings): Identity =>
  readIdentity({ ...settings, identifyBy: settings.store === 'kubernetes' ? 'name' : 'machine' });
