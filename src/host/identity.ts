import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { FlanError } from '../errors.js';
import type { Identity } from '../model/facts.js';

export interface IdentityInput {
  /** The setting `node`. */
  readonly node?: string | undefined;
  /** The setting `nodeId`. */
  readonly nodeId?: string | undefined;
  /** The setting `netns`: several nodes on one host, each in its namespace, are not one node. */
  readonly netns?: string | undefined;
  /** `name` where names are unique already and containers have no machine id: Kubernetes. */
  readonly identifyBy?: 'machine' | 'name';
  /** Where machine-id(5) is; every path is tried in turn. */
  readonly machineIdFiles?: readonly string[];
}

/** Who this node is: as the settings say, else by the host name and the machine id. @throws {FlanError} E_IDENTITY */
export function readIdentity(input: IdentityInput): Identity {
  const node = input.node ?? hostname();
  if (input.nodeId !== undefined) return { node, nodeId: input.nodeId };
  if (input.identifyBy === 'name') return { node, nodeId: node };
  const machineId = readMachineId(input.machineIdFiles ?? MACHINE_ID_FILES);
  return { node, nodeId: deriveNodeId(machineId, input.netns) };
}

const MACHINE_ID_FILES: readonly string[] = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** machine-id(5) asks not to publish the id itself but a keyed hash of it, of no use to any other program. */
export function deriveNodeId(machineId: string, netns?: string): string {
  const place = netns === undefined ? '' : `\nnetns ${netns}`;
  return createHmac('sha256', machineId).update(`flan node id${place}`).digest('hex').slice(0, 32);
}

/** Before the first boot the file is empty or says `uninitialized`: such an id would be shared by all clones. */
function readMachineId(files: readonly string[]): string {
  for (const file of files) {
    const id = readIfThere(file)?.trim() ?? '';
    if (/^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id)) return id;
  }
  throw new FlanError('E_IDENTITY', `no machine id in ${files.join(' or ')}`, {
    hint: 'Run systemd-machine-id-setup, or set nodeId (--node-id, FLAN_NODE_ID) to what is stable and unique to this node.',
  });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // Whatever the reason: the next file, and at last an error that names them all.
  }
}
