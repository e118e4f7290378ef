import { existsSync, readFileSync } from 'node:fs';
import { string } from '@oclif/core/flags';
import type { LoadedSettings } from '../config/settings.js';
import { BaseCommand } from './base.js';
import { SETTING_FLAGS } from './setting-flags.js';

/** A command that works on the network: it understands every setting as a flag. */
export abstract class SettingsCommand extends BaseCommand {
  static override readonly baseFlags = {
    ...BaseCommand.baseFlags,
    config: string({
      char: 'c',
      helpValue: 'FILE',
      summary: 'Settings file to read instead of ./flan.yaml',
      helpGroup: 'GLOBAL',
    }),
    // The settings' values go to `loadSettings` as they are, so their names need no types here.
    ...(SETTING_FLAGS as Readonly<Record<never, never>>),
  };

  /**
   * All settings, from the flags that `parse` returned and every other source; warnings are told on stderr.
   * @throws {FlanError} E_USAGE for a wrong flag, E_CONFIG for anything else
   */
  protected async settings(flags: { readonly config?: string | undefined }): Promise<LoadedSettings> {
    const { loadSettings } = await import('../config/settings.js');
    const loaded = await loadSettings({
      flags: { ...flags },
      env: process.env,
      cwd: process.cwd(),
      configFile: flags.config,
      readFile,
      exists: existsSync,
    });
    for (const warning of loaded.warnings) this.caution(warning);
    return loaded;
  }
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
