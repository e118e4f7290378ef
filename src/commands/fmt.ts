import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { BaseCommand } from './base.js';
import { errorText } from './render-error.js';

export class Fmt extends BaseCommand {
  static override readonly summary = 'Write settings, network config and leases in one form';
  static override readonly description =
    'Two spaces, and the members of a lease in the order that flan writes them. What the files say stays the same, and ' +
    'comments stay. Without names: flan.yaml and the files of ./leases. `-` reads stdin and writes stdout; with `--check` ' +
    'it writes nothing, and the exit code tells. A file that cannot be read is told and left as it is, and the others are ' +
    'formatted.';
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
    const names = argv as string[];
    return names.includes('-') ? this.#stdin(names, flags) : this.#files(names, flags);
  }

  async #stdin(names: readonly string[], { check, json }: Asked): Promise<ExitCode> {
    if (json && !check) {
      throw new FlanError('E_USAGE', 'with - the formatted text goes to stdout, which leaves no room for a document', {
        hint: 'Leave JSON out, or add --check.',
      });
    }
    const { formatStdin } = await import('./fmt-engine.js');
    const { before, after } = await formatStdin(names);
    if (!check) this.out(after);
    else if (json) this.#print({ files: names, changed: before === after ? [] : names });
    return check && before !== after ? EXIT.changes : EXIT.ok;
  }

  async #files(names: readonly string[], { check, json, debug }: Asked): Promise<ExitCode> {
    const { findFiles, formatFiles } = await import('./fmt-engine.js');
    const { files, changed, failures } = formatFiles(findFiles(names, process.cwd()), check ? 'check' : 'write');
    const [first, ...others] = failures;
    // Nothing but one failure is rendered as that of any command, also under --json.
    if (first !== undefined && others.length === 0 && files.length === 0) throw first;
    if (json) this.#print({ files, changed });
    else for (const file of changed) this.out(`${file}\n`);
    const chalk = this.errorColours;
    for (const error of failures) process.stderr.write(errorText(error, { detail: debug ? 'debug' : 'normal', chalk }));
    if (first !== undefined) return exitCodeOf(first);
    return check && changed.length > 0 ? EXIT.changes : EXIT.ok;
  }

  #print(said: { readonly files: readonly string[]; readonly changed: readonly string[] }): void {
    this.print({ format_version: FORMAT_VERSION, kind: 'flan.fmt', ...said });
  }
}

interface Asked {
  readonly check: boolean;
  readonly json: boolean;
  readonly debug: boolean;
}
