import type { Config } from '@oclif/core/config';
import { PACKAGE } from '../version.js';

/** What commands need of oclif's configuration. Loading it whole takes 15 ms and is left to `help`. */
export const bareConfig = (): Config =>
  ({ bin: PACKAGE.oclif.bin, name: PACKAGE.name, version: PACKAGE.version }) as Config;
