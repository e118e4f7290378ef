import { boolean } from '@oclif/core/flags';
import type { Settings } from '../config/settings.js';
import type { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Prefix } from '../model/ip.js';
import { type Network, networksOf } from '../model/network.js';
import { outcomeDocument } from '../report/outcome-document.js';
import { FORMAT_VERSION } from '../version.js';
import { APPROVAL_FLAGS, LOCK_FLAGS } from './apply/flags.js';
import { approveOrEnd } from './approve.js';
import type { Part, PartInput, Session } from './part-engine.js';
import { requirePrivilege } from './privilege.js';
import { SettingsCommand } from './settings-command.js';

/** A command that makes part of the plan's changes. */
export interface PartWork extends Omit<PartInput, 'signal'> {
  readonly name: 'adopt' | 'prune';
  readonly question: string;
  /** Networks beside the session's own that no other flan may be serving meanwhile. */
  readonly oldNetworks: readonly Prefix[];
  /** Why not, whatever people say. */
  readonly refuse?: (part: Part, settings: Settings) => FlanError | undefined;
}

interface PartFlags {
  readonly yes: boolean;
  readonly 'dry-run': boolean;
  readonly 'lock-timeout'?: string | undefined;
  readonly json: boolean;
  readonly config?: string | undefined;
}

interface Performance {
  readonly work: PartWork;
  readonly flags: PartFlags;
  readonly settings: Settings;
}

/** Shows part of the plan, asks, makes it and verifies it. */
export abstract class PartCommand extends SettingsCommand {
  static override readonly flags = {
    ...APPROVAL_FLAGS,
    'dry-run': boolean({ summary: 'Show the changes and stop' }),
    ...LOCK_FLAGS,
  };

  protected async carryOut(flags: PartFlags, workOf: (session: Session) => Promise<PartWork>): Promise<ExitCode> {
    const { settings } = await this.loadSettings(flags);
    const { openSession } = await import('./part-engine.js');
    const { lockHostWithin } = await import('./host-lock.js');
    const session = await openSession(settings, this.signal);
    try {
      const work = await workOf(session);
      if (flags['dry-run']) return await this.perform({ work, flags, settings });
      requirePrivilege(work.name);
      const locks = [];
      try {
        const asked = { within: flags['lock-timeout'], signal: this.signal };
        for (const networks of lockedFor(session.network, work))
          locks.push(await lockHostWithin({ ...settings, networks, holder: `flan ${work.name}`, ...asked }));
        await refusePending(settings, session);
        return await this.perform({ work, flags, settings });
      } finally {
        for (const lock of locks) lock.release();
      }
    } finally {
      await session.close();
    }
  }

  private async perform({ work, flags, settings }: Performance): Promise<ExitCode> {
    const { signal } = this;
    const { applyPart, applyText, previewPart, partText, refuseProtected } = await import('./part-engine.js');
    const part = await previewPart({ ...work, signal });
    const { plan, left, preview } = part;
    const { foreign, warnings } = preview.document;
    const shown = await documentOf(part, work);
    if (!flags.json) this.out(partText({ plan, left, foreign, warnings }, this.colours));
    const isNothing = plan.steps.length === 0;
    if (flags['dry-run'] || isNothing) {
      if (flags.json)
        this.print(flags['dry-run'] ? shown : { ...shown, ...{ verified: true, outcomes: [], left: [] } });
      return EXIT.ok;
    }
    refuseProtected(plan, settings.protect);
    const refusal = work.refuse?.(part, settings);
    if (refusal !== undefined) throw refusal;
    if (!flags.yes) await approveOrEnd(work.question, signal);
    const { outcomes, left: todo } = await applyPart(part, { ...work, signal });
    await this.remember(settings, outcomes);
    const failed = outcomes.filter(({ status }) => status !== 'done').length;
    if (flags.json) {
      const told = outcomes.map(outcomeDocument);
      this.print({ ...shown, ...{ verified: failed === 0 && todo.length === 0, outcomes: told, left: todo } });
    } else {
      const untried = signal.aborted ? todo.length : 0;
      this.out(`\n${applyText({ outcomes, left: todo, untried }, this.colours)}`);
    }
    if (signal.aborted) throw signal.reason;
    if (failed > 0) return EXIT.partial;
    return todo.length > 0 ? EXIT.notRolledBack : EXIT.ok;
  }
}

/** @throws {FlanError} E_PENDING_CONFIRM: what waits to be confirmed or undone must not change meanwhile */
async function refusePending({ runtimeDir, netns }: Settings, { network }: Session): Promise<void> {
  const { Checkpoints, placeOf, refuseWhileWaiting, systemClock } = await import('./part-engine.js');
  refuseWhileWaiting(new Checkpoints(runtimeDir), placeOf({ netns, network }), systemClock.wallMs());
}

const lockedFor = (network: Network, { oldNetworks }: PartWork): readonly (readonly Prefix[])[] => [
  networksOf(network),
  ...oldNetworks.map((old) => [old]),
];

async function documentOf({ plan, left, preview }: Part, { name }: PartWork) {
  const { summarise } = await import('./part-engine.js');
  const { node, foreign, warnings } = preview.document;
  return {
    format_version: FORMAT_VERSION,
    kind: `flan.${name}`,
    ...{ node, plan, foreign, warnings, summary: summarise(plan, foreign), other_changes: left },
  };
}
