import type { ExtensionCommand } from '../../kinds/extension-command.js';
import type { ExtensionPeer } from '../../kinds/extension-peer.js';
import type { ExtensionStartup } from '../../kinds/extension-startup.js';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.js';

/** What the commands of an extension were told and how far they came; the only trace of most of what they do. */
export type JournalEntry = PreparedEntry | StartupEntry | PeerEntry;

/** PreStartupCommand has run. */
export interface PreparedEntry {
  readonly type: 'prepared';
  readonly network: string;
  readonly command: ExtensionCommand;
  readonly output: string;
  /** Of this run. */
  readonly id: string;
}

export interface StartupEntry {
  readonly type: 'startup';
  readonly network: string;
  readonly resource: ExtensionStartup;
  /** Of the run of PreStartupCommand that it stands on; empty where there is none. */
  readonly preparedBy: string;
  /** New whenever what peers stand on was made anew. */
  readonly id: string;
}

export interface PeerEntry {
  readonly type: 'peer';
  readonly network: string;
  readonly resource: ExtensionPeer;
  /** The `id` of the start-up that it stands on; empty where there is none. */
  readonly startedBy: string;
}

/** What tells entries of one type apart. */
export const entryName = (entry: JournalEntry): string =>
  [entry.type, entry.network, ...(entry.type === 'peer' ? [entry.resource.subnet, entry.resource.ipv6Subnet] : [])]
    .filter((part) => part !== undefined)
    .slice(0, 3)
    .join(' ');

export const startupName = (network: string): string => `startup ${network}`;

/** Reads what `JSON.stringify` made of an entry. @returns undefined for anything else */
export function parseEntry(value: Json): JournalEntry | undefined {
  if (!isJsonObject(value) || !hasTexts(value, ['type', 'network'])) return undefined;
  const { type, resource } = value;
  const isWhole =
    type === 'prepared'
      ? hasTexts(value, ['output', 'id']) && isCommand(value.command)
      : type === 'startup'
        ? hasTexts(value, ['preparedBy', 'id']) && isStartup(resource)
        : type === 'peer' && hasTexts(value, ['startedBy']) && isPeer(resource);
  return isWhole ? (value as unknown as JournalEntry) : undefined;
}

const hasTexts = (value: JsonObject, names: readonly string[]): boolean =>
  names.every((name) => typeof value[name] === 'string');

const isAbsentOr = (is: (value: Json) => boolean, value: Json | undefined): boolean => value === undefined || is(value);

function isCommand(value: Json | undefined): boolean {
  if (!isJsonObject(value) || typeof value.shell !== 'boolean') return false;
  const { run } = value;
  return typeof run === 'string' || (Array.isArray(run) && run.every((word) => typeof word === 'string'));
}

const isVariables = (value: Json | undefined): boolean =>
  isJsonObject(value) && Object.values(value).every((one) => typeof one === 'string');

const isStartup = (value: Json | undefined): boolean =>
  isJsonObject(value) &&
  value.kind === 'extension-startup' &&
  hasTexts(value, ['network', 'state']) &&
  isVariables(value.variables) &&
  isAbsentOr(isCommand, value.post) &&
  isAbsentOr(isCommand, value.shutdown);

const isText = (value: Json): boolean => typeof value === 'string';

const isPeer = (value: Json | undefined): boolean =>
  isJsonObject(value) &&
  value.kind === 'extension-peer' &&
  hasTexts(value, ['network', 'data', 'dataName', 'state']) &&
  typeof value.afterStartup === 'boolean' &&
  isVariables(value.variables) &&
  ['subnet', 'ipv6Subnet', 'publicIp', 'publicIpv6'].every((name) => isAbsentOr(isText, value[name])) &&
  (value.subnet !== undefined || value.ipv6Subnet !== undefined) &&
  isAbsentOr(isCommand, value.add) &&
  isAbsentOr(isCommand, value.remove);
