import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { SettingsCommand } from './settings-command.js';

export class Sysdump extends SettingsCommand {
  static override readonly summary = 'Write what helps to understand this host into one archive, without secrets';
  static override readonly description =
    `Settings, facts, leases, what should be and what is, the plan, what doctor finds, the history, and what ip(8), bridge(8),
nft(8), iptables(8), wg(8) and the journal say, as a tar.gz. Passwords, keys and tokens that flan knows, and what looks like
one, are replaced by (redacted); addresses and names stay. Look through it before you give it away.

What cannot be had is named in manifest.json and hinders nothing else. As root it holds most.`;
  static override readonly examples = ['<%= config.bin %> sysdump', '<%= config.bin %> sysdump -o - | tar -tzf -'];
  static override readonly flags = {
    output: string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Where to write it [default: flan-sysdump-NODE-TIME.tar.gz]; -: stdout',
    }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Sysdump);
    const isStdout = flags.output === '-';
    if (isStdout && (flags.json || process.stdout.isTTY)) throw noPlaceForBytes(flags.json ? '--json' : 'a terminal');
    const loaded = await this.loadSettings(flags);
    const { collect, identityFrom, pack, save } = await import('./sysdump-engine.js');
    const { node } = identityFrom(loaded.settings);
    const nowMs = Date.now();
    const { files, failures } = await collect({ loaded, node, signal: this.signal, nowMs });
    const folder = folderName(node, nowMs);
    const bytes = pack({ files, folder, nowMs });
    if (isStdout) {
      process.stdout.write(bytes);
      return EXIT.ok;
    }
    const path = resolve(flags.output ?? `${folder}.tar.gz`);
    save(path, bytes);
    if (flags.json) {
      const names = files.map(({ name }) => name);
      const about = { node, path, bytes: bytes.length, files: names, missing: failures };
      this.print({ format_version: FORMAT_VERSION, kind: 'flan.sysdump', ...about });
      return EXIT.ok;
    }
    this.out(`${path}: ${files.length} files, ${Math.ceil(bytes.length / 1024)} KiB\n`);
    for (const { file, message } of failures)
      this.note(`  ${this.errorColours.yellow('missing')}  ${file}  ${message}`);
    this.note(this.errorColours.dim('Secrets are replaced by (redacted). Look through it before you give it away.'));
    return EXIT.ok;
  }
}

/** Names of nodes may hold anything. */
const folderName = (node: string, nowMs: number): string =>
  `flan-sysdump-${node.replace(/[^\w.-]+/g, '_').slice(0, 40)}-${new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '')}`;

const noPlaceForBytes = (where: string): FlanError =>
  new FlanError('E_USAGE', `an archive does not go with ${where}`, {
    where: 'flag --output',
    hint: 'Name a file, or send it down a pipe: `flan sysdump -o - > FILE`.',
  });
