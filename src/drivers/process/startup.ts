import { randomUUID } from 'node:crypto';
import { FlanError } from '../../errors.js';
import { COMMAND_NAMES, type Variables } from '../../kinds/extension-command.js';
import type { ExtensionStartup } from '../../kinds/extension-startup.js';
import { sameValue } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { type ExtensionEdge, isThere, mustRun, nodeCall } from './extension-edge.js';
import type { JournalEntry, PreparedEntry, StartupEntry } from './journal-entry.js';
import { OUTPUT_BYTES } from './run-command.js';

/** The last run of PreStartupCommand as the config has it. */
export const preparedOf = (
  { commands }: ExtensionEdge,
  { entries, network }: { readonly entries: readonly JournalEntry[]; readonly network: string },
): PreparedEntry | undefined =>
  entries.find(
    (entry): entry is PreparedEntry =>
      entry.type === 'prepared' && entry.network === network && sameValue(entry.command, commands?.pre),
  );

export const startupOf = (entries: readonly JournalEntry[], network: string): StartupEntry | undefined =>
  entries.find((entry): entry is StartupEntry => entry.type === 'startup' && entry.network === network);

/** Whether StartupCheckCommand, if there is one, finds what was made. */
export async function startupStands(edge: ExtensionEdge, entry: StartupEntry, signal: AbortSignal): Promise<boolean> {
  const command = edge.commands?.startupCheck;
  if (command === undefined) return true;
  return isThere(edge, nodeCall({ name: 'startupCheck', command, variables: entry.resource.variables }), signal);
}

export interface PrepareInput {
  readonly network: string;
  readonly variables: Variables;
}

/**
 * Runs PreStartupCommand where it has not run in this place, or where what it was for does not stand.
 * @returns undefined when there was nothing to do @throws {FlanError} E_EXTENSION
 */
export async function prepareStartup(
  edge: ExtensionEdge,
  { network, variables }: PrepareInput,
  signal: AbortSignal,
): Promise<PreparedEntry | undefined> {
  edge.journal.sweep();
  if (edge.commands?.pre === undefined) return undefined;
  const entries = edge.journal.read();
  const prepared = preparedOf(edge, { entries, network });
  const startup = startupOf(entries, network);
  if (prepared !== undefined) {
    // Not yet used: it ran, and something else stopped us then.
    if (startup === undefined || startup.preparedBy !== prepared.id) return undefined;
    if (startup.resource.state === 'applied' && (await startupStands(edge, startup, signal))) return undefined;
  }
  return runPre(edge, { network, variables }, signal);
}

async function runPre(
  edge: ExtensionEdge,
  { network, variables }: PrepareInput,
  signal: AbortSignal,
): Promise<PreparedEntry | undefined> {
  const command = edge.commands?.pre;
  if (command === undefined) return undefined;
  const { stdout, isCut } = await mustRun(edge, nodeCall({ name: 'pre', command, variables }), signal);
  if (isCut) {
    throw new FlanError('E_EXTENSION', `${COMMAND_NAMES.pre} wrote more than ${OUTPUT_BYTES} bytes`, {
      hint: 'Let it write only what peers must know: it is published with the lease.',
    });
  }
  const entry: PreparedEntry = { type: 'prepared', network, command, output: stdout, id: randomUUID() };
  edge.journal.put(entry);
  return entry;
}

type Making = Exclude<Step, { readonly action: 'delete' }>;

/** @returns what PreStartupCommand wrote, if it had to run again and wrote something else @throws {FlanError} */
export async function makeStartup(edge: ExtensionEdge, step: Making, signal: AbortSignal): Promise<string | undefined> {
  const after = step.after as ExtensionStartup;
  const { network, variables, post } = after;
  const entries = edge.journal.read();
  const before = startupOf(entries, network);
  const known = preparedOf(edge, { entries, network });
  const isUsed = known !== undefined && before?.preparedBy === known.id;
  const isLost = known === undefined || (isUsed && !(await startupStands(edge, before, signal)));
  const prepared = isLost ? await runPre(edge, { network, variables }, signal) : known;
  const standing = step.action === 'update' && (step.before as ExtensionStartup).state === 'applied';
  const id = standing && before !== undefined && prepared?.id === known?.id ? before.id : randomUUID();
  const entry: StartupEntry = { type: 'startup', network, resource: after, preparedBy: prepared?.id ?? '', id };
  const isOnlyWords = standing && step.fields.every((field) => field === 'shutdown');
  if (!isOnlyWords) {
    edge.journal.put({ ...entry, resource: { ...after, state: 'unfinished' } });
    if (post !== undefined) await mustRun(edge, nodeCall({ name: 'post', command: post, variables }), signal);
  }
  edge.journal.put(entry);
  return prepared?.output === known?.output ? undefined : prepared?.output;
}

/** Undoes the start-up. What peers there are is not asked. @throws {FlanError} */
export async function undoStartup(edge: ExtensionEdge, startup: ExtensionStartup, signal: AbortSignal): Promise<void> {
  const { shutdown: command, network, variables } = startup;
  if (command !== undefined) await mustRun(edge, nodeCall({ name: 'shutdown', command, variables }), signal);
  for (const entry of edge.journal.read()) {
    if (entry.type !== 'peer' && entry.network === network) edge.journal.drop(entry);
  }
}
