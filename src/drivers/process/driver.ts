import { asFlanError, type FlanError } from '../../errors.js';
import { type ExtensionPeer, extensionPeerKind } from '../../kinds/extension-peer.js';
import type { ExtensionStartup } from '../../kinds/extension-startup.js';
import { type Step, subjectOf } from '../../planner/step.js';
import { turns } from '../../sys/turns.js';
import type { Driver, Notice, Outcome } from '../driver.js';
import type { ExtensionEdge } from './extension-edge.js';
import { observeExtension } from './observe.js';
import { makePeer, removePeer } from './peer.js';
import { makeStartup, type PrepareInput, preparedOf, prepareStartup, startupOf, undoStartup } from './startup.js';

export interface ExtensionDriver extends Driver {
  /** Runs PreStartupCommand if it must. @throws {FlanError} E_EXTENSION */
  prepare(input: PrepareInput, signal: AbortSignal): Promise<'made' | 'nothing'>;
  /** What it wrote; undefined while it has not run. */
  startupOutput(network: string): string | undefined;
  /** Runs ShutdownCommand, which takes everything along. @throws {FlanError} E_EXTENSION */
  shutDown(network: string, signal: AbortSignal): Promise<void>;
}

export interface ExtensionDriverInit extends ExtensionEdge {
  /** Told when PostStartupCommand fails before it has ever worked: there is no point in going on. */
  readonly onFatal: (error: FlanError) => void;
}

/** What the commands of backend extension do. They run one at a time, in order, as flannel's do. */
export function extensionDriver(init: ExtensionDriverInit): ExtensionDriver {
  let tell: (notice: Notice) => void = () => undefined;
  let isStarted = false;
  const inOrder = turns();

  const performStartup = async (step: Step, signal: AbortSignal): Promise<void> => {
    if (step.action === 'delete') return undoStartup(init, step.before as ExtensionStartup, signal);
    try {
      const output = await makeStartup(init, step, signal);
      isStarted = true;
      // The lease has to say it: whoever surveys the host asks for it.
      if (output !== undefined) tell({ type: 'host', why: 'PreStartupCommand ran again' });
    } catch (cause) {
      if (!isStarted && !signal.aborted) init.onFatal(asFlanError(cause));
      throw cause;
    }
  };
  const performPeer = async (step: Step, signal: AbortSignal): Promise<void> => {
    if (step.action === 'delete') return removePeer(init, step.before as ExtensionPeer, signal);
    try {
      await makePeer(init, step, signal);
    } catch (cause) {
      // Half of it may be there: should the peer go before it works, that half has to go too.
      const resource: ExtensionPeer = { ...(step.after as ExtensionPeer), state: 'unfinished' };
      if (step.action === 'create') tell({ type: 'seen', key: extensionPeerKind.key(resource), resource });
      throw cause;
    }
  };
  const performAll = async (steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const step of steps) {
      if (signal.aborted) break;
      const { kind } = subjectOf(step);
      try {
        await (kind === 'extension-startup' ? performStartup(step, signal) : performPeer(step, signal));
        outcomes.push({ step, status: 'done' });
      } catch (cause) {
        // Stopped in the middle: the journal knows.
        if (signal.aborted) break;
        outcomes.push({ step, status: 'failed', error: asFlanError(cause) });
      }
    }
    return outcomes;
  };

  return {
    name: 'extension',
    kinds: ['extension-startup', 'extension-peer'],
    observe: async (scope, signal) => {
      const seen = await observeExtension(init, scope, signal);
      isStarted ||= seen.resources.some(
        (one) => one.kind === 'extension-startup' && 'state' in one && one.state === 'applied',
      );
      return seen;
    },
    perform: (steps, signal) => inOrder(() => performAll(steps, signal)),
    follow: async (_scope, listen) => {
      tell = listen;
    },
    prepare: (input, signal) =>
      inOrder(async () => ((await prepareStartup(init, input, signal)) === undefined ? 'nothing' : 'made')),
    startupOutput: (network) => preparedOf(init, { entries: init.journal.read(), network })?.output,
    shutDown: (network, signal) =>
      inOrder(async () => {
        const entries = init.journal.read();
        const startup = startupOf(entries, network);
        if (startup?.resource.shutdown === undefined) return;
        await undoStartup(init, startup.resource, signal);
        for (const entry of entries) if (entry.network === network) init.journal.drop(entry);
      }),
    close: () => undefined,
  };
}
