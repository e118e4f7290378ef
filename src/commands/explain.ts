import { string } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { SettingsCommand } from './settings-command.js';

export class Explain extends SettingsCommand {
  static override readonly summary =
    'Explain an address, a node or an object: lease, route, neighbour, the way of the kernel';
  static override readonly description =
    `For an address of the overlay or of a node: which lease covers it, what this node should hold for it and why, what it
does hold and since when, and the kernel's own answer to where packets go. For the key of an object, as plan prints it, the
same of that object. Changes nothing.`;
  static override readonly examples = [
    '<%= config.bin %> explain 10.244.2.7',
    '<%= config.bin %> explain node-b',
    '<%= config.bin %> explain route/main/10.244.2.0/24 -o json | jq .problems',
  ];
  static override readonly args = {
    what: string({
      required: true,
      description: 'Address, prefix, node, lease, or key of an object (route/main/10.244.2.0/24)',
    }),
  };
  static override readonly flags = {
    'detailed-exitcode': boolean({ summary: 'Exit with 2 when it is not in order' }),
  };

  override async run(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Explain);
    const { settings } = await this.loadSettings(flags);
    const { explainText, explainWith } = await import('./explain-engine.js');
    const document = await explainWith({ settings, asked: args.what, signal: this.signal });
    if (flags.json) this.print(document);
    else this.out(explainText(document, this.colours));
    return flags['detailed-exitcode'] && document.state === 'not in order' ? EXIT.changes : EXIT.ok;
  }
}
