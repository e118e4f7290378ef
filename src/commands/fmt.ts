import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { BaseCommand } from './base.js';

export class Fmt extends BaseCommand {
  static override readonly summary = 'Write settings, network config and leases in one form';
  static override readonly description =
    'Two spaces, and the members of a lease in the order that flan writes them. What the files say stays the same, and ' +
    'comments stay. Without names: flan.yaml and the files of ./leases. `-` reads stdin and writes stdout.';
  static override readonly examples = ['<%= config.bin %> fmt', '<%= config.bin %> fmt --check leases/*.yaml'];
  static override readonly strict = false;
  static override readonly args = {
    file: stringArg({ description: 'Files, folders of leases, or - for stdin' }),
  };
  static override readonly flags = {
    check: boolean({ summary: 'Write nothing; list what is not in form, and exit with 2 when there is anything' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags, argv } = await this.parse(Fmt);
    const { findFiles, formatFiles, formatStdin } = await import('./fmt-engine.js');
    const names = argv as string[];
    if (names.includes('-')) {
      this.out(await formatStdin(names));
      return EXIT.ok;
    }
    const { files, changed } = formatFiles(findFiles(names, process.cwd()), flags.check ? 'check' : 'write');
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.fmt', ...{ files, changed } });
    else for (const file of changed) this.out(`${file}\n`);
    return flags.check && changed.length > 0 ? EXIT.changes : EXIT.ok;
  }
}
