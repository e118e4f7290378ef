/** What `sysdump` runs on, loaded inside `run()`. */

export { identityFrom } from './identity-from.js';
export { collect } from './sysdump/collect.js';
export { pack, save } from './sysdump/write.js';
