import { boolean, string } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import type { ExitCode } from '../exit-codes.js';
import { type Prefix, tryPrefix } from '../model/ip.js';
import { PartCommand } from './part-command.js';

export class Prune extends PartCommand {
  static override readonly summary = 'Remove what flan made earlier and nothing asks for any more';
  static override readonly description =
    `Routes of nodes that are gone, devices of another backend, packet filter rules of the other mode (iptables, nftables),
what was made for a network that was served before: whatever carries flan's mark and is not in the desired state.
Creates and changes nothing. \`flan apply\` removes the same, with everything else that the plan shows.

Networks served before the last one are known to nobody: name them with --network.`;
  static override readonly examples = [
    '<%= config.bin %> prune --dry-run',
    '<%= config.bin %> prune --network 10.243.0.0/16 --yes',
  ];
  static override readonly flags = {
    ...PartCommand.flags,
    network: string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PREFIX',
      summary: 'Clean up after this network too, which this host once served; repeatable',
    }),
    'allow-mass-delete': boolean({ summary: 'Go on though the store shows no lease of any peer, or hardly any' }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Prune);
    const networks = (flags.network ?? []).map(prefixOf);
    const { isMassPrune, prunes, withOldNetworks } = await import('./part-engine.js');
    return this.carryOut(flags, async (session) => ({
      name: 'prune',
      session: withOldNetworks(session, networks),
      adopt: 'no',
      takes: prunes,
      question: 'Remove all of this?',
      what: 'prune cannot tell what of its own subnet is in use',
      oldNetworks: networks,
      refuse: (part, { deleteGuard }) =>
        flags['allow-mass-delete'] || deleteGuard === 'off' || !isMassPrune(part, deleteGuard) ? undefined : MASS,
    }));
  }
}

/** @throws {FlanError} E_USAGE */
function prefixOf(text: string): Prefix {
  const prefix = tryPrefix(text);
  if (prefix !== undefined) return prefix;
  throw new FlanError('E_USAGE', `--network must be a prefix in CIDR notation, not '${text}'`, {
    where: 'flag --network',
    hint: 'For example --network 10.243.0.0/16.',
  });
}

const MASS = new FlanError(
  'E_MASS_DELETE',
  'this would remove most or all peers: a store that lost its data looks the same',
  {
    hint: 'Look at `flan lease list`; if that is right, pass --allow-mass-delete.',
  },
);
