import { string } from '@oclif/core/flags';
import { nodeFiles } from '../config/files.js';
import type { LoadedSettings, Settings } from '../config/settings.js';
import type { Outcome } from '../drivers/driver.js';
import { FlanError } from '../errors.js';
import { BaseCommand } from './base.js';
import { SETTING_FLAGS } from './setting-flags.js';

/** A command that works on a host and a store: it takes every setting as a flag. */
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
   * Puts the settings together, from the flags that `parse` returned and every other source, and tells what is odd.
   * @throws {FlanError} E_USAGE for a wrong flag, E_CONFIG for anything else
   */
  protected async loadSettings(flags: { readonly config?: string | undefined }): Promise<LoadedSettings> {
    const { loadSettings } = await import('../config/settings.js');
    const loaded = await loadSettings({
      flags: { ...flags },
      env: process.env,
      cwd: workingDirectory(),
      configFile: flags.config,
      ...nodeFiles,
    });
    for (const warning of loaded.warnings) this.caution(warning);
    return loaded;
  }
  /** Writes down what this command changed. What was done stays done: that it cannot be written is only told. */
  protected async remember(settings: Settings, outcomes: readonly Outcome[]): Promise<void> {
    const { noteRun } = await import('./history-engine.js');
    const by = (this.id ?? '').replaceAll(':', ' ');
    const error = await noteRun({ place: settings, by, outcomes, nowMs: Date.now() });
    if (error === undefined) return;
    const { message, hint } = error;
    this.caution({ code: 'W_HISTORY', message, ...(hint !== undefined && { hint }) });
  }
}

/** @throws {FlanError} E_FILE when somebody has removed it */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new FlanError('E_FILE', 'the current directory no longer exists', {
      hint: 'Change to one that does, and run the command again.',
      cause,
    });
  }
}
