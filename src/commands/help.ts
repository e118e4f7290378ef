import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core/config';
import { Help } from '@oclif/core/help';
import { PACKAGE } from '../version.js';

/** Prints help about a command or topic, or the list of commands, on stdout. */
export async function showHelp(words: readonly string[]): Promise<void> {
  // The manifest that the build writes beside the bundle lists all commands, so none has to be loaded.
  const root = fileURLToPath(new URL('.', import.meta.url));
  const config = await Config.load({ root, pjson: PACKAGE as unknown as Config['pjson'], version: PACKAGE.version });
  const help = new Help(config, { docopts: false, flagSortOrder: 'none', hideAliasesFromRoot: true });
  await help.showHelp([...words]);
}
