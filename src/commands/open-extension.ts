import { join } from 'node:path';
import type { BackendContext } from '../backends/backend.js';
import {
  type ExtensionOptions,
  extensionNetwork,
  extensionOptionsOf,
  startupVariables,
} from '../backends/extension.js';
import type { Settings } from '../config/settings.js';
import type { Driver } from '../drivers/driver.js';
import { extensionDriver } from '../drivers/process/driver.js';
import { type Journal, openJournal } from '../drivers/process/journal.js';
import { commandRunner } from '../drivers/process/run-command.js';
import { FlanError } from '../errors.js';
import type { Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Session } from '../reconcile/session.js';
import { hasCapability } from '../sys/caps.js';
import { netnsIdentity } from '../sys/netns-cookie.js';

export interface OpenExtensionInput {
  readonly settings: Pick<Settings, 'netns' | 'runtimeDir'>;
  readonly network: Network;
  /** What is known of this node before it holds a lease. */
  readonly context: () => BackendContext;
}

export interface OpenedExtension {
  readonly driver: Driver;
  readonly session: Pick<Session, 'startupOutput' | 'equip' | 'fatal' | 'shutDown'>;
  readonly warnings: readonly Warning[];
}

/** Without an extension in the config, the commands that undo what an earlier one made still have to run. */
const UNDO_TIMEOUT_MS = 30_000;

/** What backend extension adds to a session; of any other backend only what an earlier config left is seen. */
export function openExtension({ settings, network, context }: OpenExtensionInput): OpenedExtension {
  const { netns, runtimeDir } = settings;
  const options = extensionOptionsOf(network);
  const timeoutMs = options?.timeoutMs ?? UNDO_TIMEOUT_MS;
  const written = openJournal({ folder: join(runtimeDir, 'extension'), place: () => netnsIdentity(netns) });
  const isReadable = canRead(written);
  const journal = isReadable ? written : { ...written, read: () => [], startup: () => undefined };
  let onFatal: (error: FlanError) => void = () => undefined;
  const fatal = new Promise<never>((_resolve, reject) => {
    onFatal = reject;
  });
  // Only a daemon listens; nobody else may fall over it.
  fatal.catch(() => undefined);
  const run = commandRunner({ netns, timeoutMs });
  const driver = extensionDriver({ journal, run, commands: options?.commands, onFatal });
  if (options === undefined) return { driver, session: {}, warnings: [] };
  const name = extensionNetwork(network);
  return {
    driver,
    warnings: isReadable ? [] : [UNREADABLE],
    session: {
      fatal,
      startupOutput: () => driver.startupOutput(name),
      equip: (signal) => {
        const variables = startupVariables(context() as BackendContext<ExtensionOptions>);
        return driver.prepare({ network: name, variables }, signal);
      },
      shutDown: () => driver.shutDown(name, AbortSignal.timeout(timeoutMs)),
    },
  };
}

/** A plain user may plan, and may not know what commands have done. */
function canRead(journal: Journal): boolean {
  if (hasCapability('CAP_NET_ADMIN')) return true;
  try {
    journal.read();
    return true;
  } catch (cause) {
    if (cause instanceof FlanError && cause.code === 'E_PERMISSION') return false;
    throw cause;
  }
}

const UNREADABLE: Warning = {
  code: 'W_EXTENSION_UNREADABLE',
  message:
    'what the commands of the extension have done is written down where only root reads: this plan shows all as missing',
  hint: 'Run the plan as root to see what is there.',
};
