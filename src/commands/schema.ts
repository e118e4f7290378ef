import { string } from '@oclif/core/args';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { BaseCommand } from './base.js';

export class Schema extends BaseCommand {
  static override readonly summary = 'Print the JSON Schema of a document that flan prints or writes';
  static override readonly description =
    'Draft 2020-12. Without a name, the list of them. A minor version of the format may add members, so the schemas ' +
    'allow members that they do not name; a major version may take some away.';
  static override readonly examples = [
    '<%= config.bin %> schema',
    '<%= config.bin %> schema plan > plan.schema.json',
    '<%= config.bin %> schema saved-plan | jq .properties',
  ];
  static override readonly args = {
    name: string({ description: 'Of which document: its kind without `flan.`' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(Schema);
    const { listText, printedSchema, schemaList } = await import('./schema-engine.js');
    if (args.name !== undefined) this.out(printedSchema(args.name));
    else if (flags.json) this.print(schemaList());
    else this.out(listText());
    return EXIT.ok;
  }
}
