import { Config } from '@oclif/core/config';
import { PACKAGE } from '../version.js';

/** What commands need of oclif's configuration. Loading it whole takes 15 ms and is left to `help`. */
export function bareConfig(): Config {
  const config = new Config({ root: '.' });
  return Object.assign(config, { bin: PACKAGE.oclif.bin, name: PACKAGE.name, version: PACKAGE.version });
}
