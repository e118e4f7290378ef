import { settingsMarkdown } from '../../src/config/show.js';
import { commandsMarkdown } from './commands.js';
import { errorsMarkdown, exitTable } from './errors.js';
import { unusedSettings } from './sources.js';

const SETTINGS_HEAD = `A setting can be given in four ways. The first that says something wins:

1. a flag: \`--etcd-prefix /x\`
2. a variable: \`FLAN_ETCD_PREFIX=/x\`
3. flanneld's variable: \`FLANNELD_ETCD_PREFIX=/x\`
4. a line of a settings file: \`etcdPrefix: /x\`. Read are \`-c FILE\` (or \`FLAN_CONFIG\`), else \`./flan.yaml\`; then the
   user's \`~/.config/flan/config.yaml\`, \`/etc/flan/conf.d/*.yaml\` (the last name wins), and \`/etc/flan/config.yaml\`.

\`flan config show --origin\` prints every value and where it comes from. An unknown key in a file is an error that names
line and column. flanneld's flags are understood too, under its names, with one dash or two.

Durations are written \`90s\`, \`5m\`, \`24h\`. Relative paths start at the working directory; in a file, at the file's folder.

`;

function unusedWords(): string {
  const unused = unusedSettings();
  if (unused.length === 0) return '';
  const names = unused.map((key) => `\`${key}\``).join(', ');
  return `Accepted, so that manifests written for flanneld start, and without effect in this version: ${names}.\n\n`;
}

const page = (title: string, text: string): string =>
  `<!-- Generated: do not edit. npm run docs -->\n\n# ${title}\n\n${text.trimEnd()}\n`;

/** The documents that are generated whole, by path. */
export const DOCUMENTS: Readonly<Record<string, () => string>> = {
  'docs/commands.md': () => page('Commands', commandsMarkdown()),
  'docs/errors.md': () => page('Exit codes and errors', errorsMarkdown()),
  'docs/settings.md': () => page('Settings', SETTINGS_HEAD + unusedWords() + settingsMarkdown()),
};

/** The tables in the README that are generated, by block. */
export const README_TABLES: Readonly<Record<string, () => string>> = {
  'exit-codes': () => `\n${exitTable()}\n`,
};
