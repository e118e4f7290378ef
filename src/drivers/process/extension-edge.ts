import type { ExtensionCommand, ExtensionCommands, Variables } from '../../kinds/extension-command.js';
import { COMMAND_NAMES } from '../../kinds/extension-command.js';
import { type ExtensionPeer, peerVariables } from '../../kinds/extension-peer.js';
import type { Journal } from './journal.js';
import { type CommandAnswer, type CommandCall, type RunCommand, refusalOf } from './run-command.js';

/** What the work on an extension needs of the world. */
export interface ExtensionEdge {
  readonly journal: Journal;
  readonly run: RunCommand;
  /** Of the network config; undefined when its backend is another. */
  readonly commands: ExtensionCommands | undefined;
}

/** flannel's standard input where there is no data: an empty line. */
const NO_DATA = '\n';

interface AboutNode {
  readonly name: keyof ExtensionCommands;
  readonly command: ExtensionCommand;
  readonly variables: Variables;
}

export const nodeCall = ({ name, command, variables }: AboutNode): CommandCall => ({
  what: COMMAND_NAMES[name],
  command,
  variables,
  stdin: NO_DATA,
});

interface AboutPeer {
  readonly name: keyof ExtensionCommands;
  readonly command: ExtensionCommand;
  readonly peer: ExtensionPeer;
}

export const peerCall = ({ name, command, peer }: AboutPeer): CommandCall => ({
  what: `${COMMAND_NAMES[name]} for ${peer.subnet ?? peer.ipv6Subnet}`,
  command,
  variables: peerVariables(peer),
  stdin: `${peer.data}\n`,
});

/** @throws {FlanError} E_EXTENSION when it fails, as `RunCommand` otherwise */
export async function mustRun(edge: ExtensionEdge, call: CommandCall, signal: AbortSignal): Promise<CommandAnswer> {
  const answer = await edge.run(call, signal);
  if (answer.code !== 0) throw refusalOf(call, answer);
  return answer;
}

/** From here on an exit code says that the command could not be run, or was ended by a signal. @see sh(1) */
const NO_ANSWER = 126;

/** Asks a check command. @throws {FlanError} E_EXTENSION where it gives no answer: then nothing is known */
export async function isThere(edge: ExtensionEdge, call: CommandCall, signal: AbortSignal): Promise<boolean> {
  const answer = await edge.run(call, signal);
  if (answer.code >= NO_ANSWER) throw refusalOf(call, answer);
  return answer.code === 0;
}
