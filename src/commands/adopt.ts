import { FlanError } from '../errors.js';
import type { ExitCode } from '../exit-codes.js';
import { PartCommand } from './part-command.js';

export class Adopt extends PartCommand {
  static override readonly summary = 'Take over what flanneld made on this host, without a gap in traffic';
  static override readonly description =
    `For a node that moves from flanneld, running or stopped: its device, its routes, neighbours and FDB entries get flan's
mark where they stand, and what no lease asks for on its device is removed. Nothing else is changed: what would have to
be made anew, what people made by hand, and whatever is missing are left to \`flan apply\`.

The lease stays as flanneld published it. Stop flanneld before you start \`flan watch\`.`;
  static override readonly examples = ['<%= config.bin %> adopt --dry-run', '<%= config.bin %> adopt --yes'];

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Adopt);
    const { takesOver } = await import('./part-engine.js');
    return this.carryOut(flags, async (session) => ({
      name: 'adopt',
      session,
      adopt: 'yes',
      takes: takesOver,
      question: 'Take over all of this?',
      what: "adopt cannot tell which of flanneld's objects are right",
      oldNetworks: [],
      refuse: ({ preview: { inputs } }) => (inputs.backend.needsWatch === undefined ? undefined : NEEDS_WATCH),
    }));
  }
}

/** What a process carries cannot change hands while it runs. */
const NEEDS_WATCH = new FlanError(
  'E_BACKEND',
  "flanneld's process carries the packets itself: nothing of it can be taken over",
  {
    hint: 'Stop flanneld, then run `flan watch --adopt`.',
  },
);
