import { string } from '@oclif/core/args';
import { FlanError } from '../../errors.js';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { contains, familyOf, type Prefix, parsePrefix } from '../../model/ip.js';
import { type Network, networkOf } from '../../model/network.js';
import { FORMAT_VERSION } from '../../version.js';
import { SettingsCommand } from '../settings-command.js';

export class LeaseReserve extends SettingsCommand {
  static override readonly summary = 'Keep a subnet from being leased, or a lease from ending';
  static override readonly description =
    'A subnet that a node holds stays with that node for ever; a free one is given to nobody. `flan lease release` ends it.';
  static override readonly examples = [
    '<%= config.bin %> lease reserve 10.244.7.0/24',
    '<%= config.bin %> lease reserve 10.244.7.0/24 fd00:10:244:7::/64',
  ];
  static override readonly args = {
    subnet: string({ description: 'The subnet', required: true }),
    other: string({ description: 'The subnet of the other family, in a dual-stack network' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags, args } = await this.parse(LeaseReserve);
    const { settings } = await this.loadSettings(flags);
    const subnets = subnetsFrom([args.subnet, args.other].filter((word) => word !== undefined));
    const { withStore, leaseText } = await import('./engine.js');
    return withStore(settings, async ({ store }) => {
      if (store.reserve === undefined) {
        throw new FlanError(
          'E_UNSUPPORTED',
          `${store.name} cannot reserve subnets: who gets which is decided elsewhere`,
          {
            hint: 'Reserve it where subnets are assigned (Kubernetes: kube-controller-manager).',
          },
        );
      }
      checkInside(subnets, await store.network(this.signal));
      const lease = await store.reserve(subnets, this.signal);
      if (flags.json) {
        this.print({ format_version: FORMAT_VERSION, kind: 'flan.lease', ...{ store: store.name, lease } });
      } else this.out(leaseText(lease));
      return EXIT.ok;
    });
  }
}

type Subnets = { readonly ipv4?: Prefix; readonly ipv6?: Prefix };

function subnetsFrom(words: readonly string[]): Subnets {
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  for (const word of words) {
    const subnet = prefixFrom(word);
    const name = familyOf(subnet) === 4 ? 'ipv4' : 'ipv6';
    if (subnets[name] !== undefined) {
      throw new FlanError('E_USAGE', `${subnets[name]} and ${subnet} are of one family`, {
        hint: 'Reserve them one after the other; two together are the two halves of one dual-stack lease.',
      });
    }
    subnets[name] = subnet;
  }
  return subnets;
}

function prefixFrom(word: string): Prefix {
  try {
    return parsePrefix(word);
  } catch (cause) {
    throw new FlanError('E_USAGE', `${JSON.stringify(word)} is not a subnet`, {
      hint: 'Write it like 10.244.7.0/24.',
      cause,
    });
  }
}

function checkInside({ ipv4, ipv6 }: Subnets, network: Network): void {
  for (const subnet of [ipv4, ipv6]) {
    const whole = subnet && networkOf(network, familyOf(subnet))?.network;
    if (subnet === undefined || (whole !== undefined && contains(whole, subnet))) continue;
    throw new FlanError('E_USAGE', `${subnet} is outside of the network${whole === undefined ? '' : ` ${whole}`}`, {
      hint: 'No node would ever be given it; look for a mistyped digit.',
    });
  }
}
