import { VERSION } from '../../src/version.js';
import { commandsAbout, commonFlags } from '../about.js';
import { commandPage, pageName } from './command-page.js';
import { overviewPage } from './overview-page.js';
import { page } from './roff.js';
import { settingsPage } from './settings-page.js';

/** Every man page by its file name. */
export function manPages(): ReadonlyMap<string, string> {
  const [commands, common] = [commandsAbout(), commonFlags()];
  const pages = [
    {
      name: 'flan',
      chapter: 8,
      summary: "plan, apply and watch the network of an overlay's node",
      lines: overviewPage({ commands, common }),
    },
    ...commands.map((command) => ({
      name: pageName(command),
      chapter: 8,
      summary: lowered(command.summary),
      lines: commandPage({ command, common }),
    })),
    { name: 'flan.yaml', chapter: 5, summary: 'settings of flan', lines: settingsPage() },
  ];
  return new Map(pages.map((one) => [`${one.name}.${one.chapter}`, page({ ...one, version: VERSION })]));
}

/** What `man` in package.json has to list: npm links these alone when it installs for all users. */
export const manFiles = (): readonly string[] => [...manPages().keys()].map((name) => `dist/man/${name}`);

/** A summary as the rest of a line: "Show what…" begins in lower case, "MTU…" does not. */
const lowered = (text: string): string => text.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
