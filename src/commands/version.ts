import { release } from 'node:os';
import { EXIT } from '../exit-codes.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import { BaseCommand } from './base.js';

export class Version extends BaseCommand {
  static override readonly summary = 'Print the version of flan and of what it runs on';
  static override readonly examples = ['<%= config.bin %> version', '<%= config.bin %> version -o json'];

  override async run() {
    const { flags } = await this.parse(Version);
    const document = {
      format_version: FORMAT_VERSION,
      kind: 'flan.version',
      flan: VERSION,
      node: process.versions.node,
      kernel: release(),
      platform: `${process.platform}-${process.arch}`,
      formats: { json: FORMAT_VERSION },
    };
    if (flags.json) this.print(document);
    else {
      this.out(`flan ${document.flan}\nnode ${document.node}\nkernel ${document.kernel}\n`);
      this.out(`platform ${document.platform}\nformat ${document.formats.json}\n`);
    }
    return EXIT.ok;
  }
}
