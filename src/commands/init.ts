import { resolve } from 'node:path';
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { type Family, familyOf, type Prefix, tryPrefix } from '../model/ip.js';
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
    const [{ initFolder }, { backendOf }, { decodeNetwork }] = await Promise.all([
      import('../leases/file/init.js'),
      import('../backends/index.js'),
      import('../config/network.js'),
    ]);
    const v6 = flags['network-v6'];
    const backend = backendOf(flags.backend).type;
    const ipv4 = networkFlag('network', flags.network, 4);
    const ipv6 = v6 === undefined ? undefined : networkFlag('network-v6', v6, 6);
    // What nobody could run with is refused before anything is written.
    const written = { Network: ipv4, EnableIPv6: ipv6 !== undefined, IPv6Network: ipv6 };
    decodeNetwork({ ...written, Backend: { Type: backend } }, 'command line');
    const files = initFolder({ path: resolve(args.directory), backend, ipv4, ipv6 });
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.init', ...{ files } });
    else this.out(`${files.map((file) => `wrote ${file}\n`).join('')}Next: flan plan\n`);
    return EXIT.ok;
  }
}

const EXAMPLE = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/48' } as const;

/** @throws {FlanError} E_USAGE */
function networkFlag(flag: string, text: string, family: Family): Prefix {
  const prefix = tryPrefix(text);
  if (prefix !== undefined && familyOf(prefix) === family) return prefix;
  throw new FlanError('E_USAGE', `--${flag} must be an IPv${family} network, not ${JSON.stringify(text)}`, {
    hint: `Write it like ${EXAMPLE[family]}.`,
  });
}
