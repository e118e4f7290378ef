import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core/config';
import { CommandHelp, Help } from '@oclif/core/help';
import { PACKAGE } from '../version.js';

/** Prints help about a command or topic, or the list of commands, on stdout. */
export async function showHelp(words: readonly string[]): Promise<void> {
  // The manifest that the build writes beside the bundle lists all commands, so none has to be loaded.
  const root = fileURLToPath(new URL('.', import.meta.url));
  const config = await Config.load({ root, pjson: PACKAGE as unknown as Config['pjson'], version: PACKAGE.version });
  const help = new OurHelp(config, { docopts: false, flagSortOrder: 'none', hideAliasesFromRoot: true });
  await help.showHelp([...words]);
}

/** What is read first comes first: how it is called, and what for. Flags are many, as every setting is one. */
const FIRST: readonly string[] = ['USAGE', 'EXAMPLES', 'DESCRIPTION'];

class OurCommandHelp extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const sections = super.sections();
    const first = FIRST.flatMap((name) => sections.filter(({ header }) => header === name));
    return [...first, ...sections.filter(({ header }) => !FIRST.includes(header))];
  }

  protected override defaultUsage(): string {
    return `${super.defaultUsage()} [FLAGS]`;
  }

  /** Without the summary, which stands above all, and in lines as wide as the terminal. */
  protected override description(): string | undefined {
    const { description } = this.command;
    return description === undefined
      ? undefined
      : this.wrap(this.render(description).replace(/([^\n])\n(?!\n)/g, '$1 '));
  }
}

class OurHelp extends Help {
  protected override CommandHelpClass = OurCommandHelp;
}
