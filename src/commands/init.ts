import { resolve } from 'node:path';
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { InitFolder } from '../leases/file/init.js';
import { FAMILIES, type Family, familyOf, type Prefix, tryPrefix } from '../model/ip.js';
import { FORMAT_VERSION } from '../version.js';
import { BaseCommand } from './base.js';

export class Init extends BaseCommand {
  static override readonly summary =
    'Write a folder that is ready to run: settings, network config, a place for leases';
  static override readonly examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init cluster --network 10.8.0.0/16',
    '<%= config.bin %> init cluster --network fd00:10:244::/48',
  ];
  static override readonly args = {
    directory: stringArg({ description: 'Where to write it', default: '.' }),
  };
  static override readonly flags = {
    network: string({
      helpValue: 'PREFIX',
      summary: 'Network of the cluster, of either family',
      default: '10.244.0.0/16',
    }),
    'network-v6': string({ helpValue: 'PREFIX', summary: 'Its IPv6 network, beside an IPv4 one' }),
    backend: string({ helpValue: 'TYPE', summary: 'How packets travel between nodes', default: 'host-gw' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(Init);
    const [{ initFolder }, { backendOf }, { carriedBy }, { decodeNetwork }] = await Promise.all([
      import('../leases/file/init.js'),
      import('../backends/index.js'),
      import('../backends/carried.js'),
      import('../config/network.js'),
    ]);
    const chosen = backendOf(flags.backend);
    const backend = chosen.type;
    const { ipv4, ipv6 } = networksAsked(flags.network, flags['network-v6']);
    // What nobody could run with is refused before anything is written.
    const enabled = { EnableIPv4: ipv4 !== undefined, EnableIPv6: ipv6 !== undefined };
    const written = { ...enabled, Network: ipv4, IPv6Network: ipv6 };
    const { network } = decodeNetwork({ ...written, Backend: { Type: backend } }, 'command line');
    for (const warning of carriedBy(chosen, network).warnings) this.caution(warning);
    const files = initFolder({ path: resolve(args.directory), backend, ipv4, ipv6 });
    if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.init', ...{ files } });
    else this.out(`${files.map((file) => `wrote ${file}\n`).join('')}Next: flan plan\n`);
    return EXIT.ok;
  }
}

/** @throws {FlanError} E_USAGE */
function networksAsked(network: string, networkV6: string | undefined): Pick<InitFolder, 'ipv4' | 'ipv6'> {
  const first = networkFlag('network', network, FAMILIES);
  if (familyOf(first) === 4) {
    return { ipv4: first, ...(networkV6 !== undefined && { ipv6: networkFlag('network-v6', networkV6, [6]) }) };
  }
  if (networkV6 === undefined) return { ipv6: first };
  throw new FlanError('E_USAGE', `--network ${first} is an IPv6 network, and --network-v6 names another`, {
    hint: 'Give --network the IPv4 network, or leave --network-v6 away.',
  });
}

const EXAMPLE = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/48' } as const;

/** @throws {FlanError} E_USAGE */
function networkFlag(flag: string, text: string, families: readonly Family[]): Prefix {
  const prefix = tryPrefix(text);
  if (prefix !== undefined && families.includes(familyOf(prefix))) return prefix;
  const wanted = families.map((family) => `IPv${family}`).join(' or ');
  throw new FlanError('E_USAGE', `--${flag} must be an ${wanted} network, not ${JSON.stringify(text)}`, {
    hint: `Write it like ${families.map((family) => EXAMPLE[family]).join(' or ')}.`,
  });
}
