import { resolve } from 'node:path';
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { parsePrefix } from '../model/ip.js';
import { FORMAT_VERSION } from '../version.js';
import { BaseCommand } from './base.js';

export class Init extends BaseCommand {
  static override readonly summary =
    'Write a folder that is ready to run: settings, network config, a place for leases';
  static override readonly examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init cluster --network 10.8.0.0/16',
  ];
  static override readonly args = {
    directory: stringArg({ description: 'Where to write it', default: '.' }),
  };
  static override readonly flags = {
    network: string({ helpValue: 'PREFIX', summary: 'IPv4 network of the cluster', default: '10.244.0.0/16' }),
    'network-v6': string({ helpValue: 'PREFIX', summary: 'IPv6 network of the cluster' }),
    backend: string({ helpValue: 'TYPE', summary: 'How packets travel between nodes', default: 'host-gw' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(Init);
    const [{ initFolder }, { backendOf }] = await Promise.all([
      import('../leases/file/init.js'),
      import('../backends/index.js'),
    ]);
    const v6 = flags['network-v6'];
    const files = initFolder({
      path: resolve(args.directory),
      backend: backendOf(flags.backend).type,
      ipv4: parsePrefix(flags.network),
      ipv6: v6 === undefined ? undefined : parsePrefix(v6),
    });
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.init', ...{ files } });
    else this.out(`${files.map((file) => `wrote ${file}\n`).join('')}Next: flan plan\n`);
    return EXIT.ok;
  }
}
