import { join } from 'node:path';
import { stopCharon } from '../../src/drivers/vici/charon.js';
import { openVici, type ViciClient } from '../../src/drivers/vici/client.js';
import { connectionFrom } from '../../src/drivers/vici/connections.js';
import { sectionsIn } from '../../src/drivers/vici/message.js';
import { ipsecStateFile } from '../../src/drivers/vici/state-file.js';
import { netnsInode } from '../../src/sys/netns.js';
import type { Need } from '../support/kernel.js';
import { type Lab, type LabNode, type LabOptions, labTest, required } from '../support/lab.js';

export const PSK = '0123456789abcdef'.repeat(6);

/** The network config of an ipsec lab; options beside the type as flannel spells them. */
export const ipsecNetwork = (backend: object = {}): object => ({
  Network: '10.244.0.0/16',
  Backend: { Type: 'ipsec', PSK, ...backend },
});

export interface IpsecLabOptions extends LabOptions {
  readonly needs?: readonly Need[];
  readonly backend?: object;
  readonly timeoutMs?: number;
}

/** A lab whose charons, which outlive what started them, end with it. */
export function ipsecTest(name: string, options: IpsecLabOptions, action: (lab: Lab) => Promise<void>): void {
  const { needs = [], backend, timeoutMs = 60_000, ...rest } = options;
  const network = ipsecNetwork(backend);
  labTest(name, { network, ...rest, timeoutMs, needs: ['charon', ...needs] }, async (lab) => {
    for (const node of lab.nodes) lab.onEnd(() => stopCharonOf(node));
    await action(lab);
  });
}

export const stateOf = (node: LabNode) => ipsecStateFile({ runtimeDir: node.runtimeDir, netns: node.netns.name });

export async function stopCharonOf(node: LabNode): Promise<void> {
  const charon = stateOf(node).read()?.charon;
  if (charon !== undefined) await stopCharon(charon);
}

export const charonPid = (node: LabNode): number => required(stateOf(node).read()?.charon, 'charon').pid;

/** Where the charon listens that flan starts for a node. */
export const socketOf = (node: LabNode): string =>
  join(node.runtimeDir, `${netnsInode(node.netns.name)}-charon`, 'charon.vici');

/** Asks a node's charon something by a conversation of the test's own. */
export async function ask<T>(node: LabNode, question: (client: ViciClient) => Promise<T>): Promise<T> {
  const client = await openVici(socketOf(node));
  try {
    return await question(client);
  } finally {
    client.close();
  }
}

/** What charon lists, in its own words. */
export const listed = (node: LabNode) =>
  ask(node, async (client) => (await client.list('list-conns', 'list-conn')).flatMap(sectionsIn));

/** The same as flan reads it. */
export const connections = async (node: LabNode) =>
  (await listed(node)).flatMap(([name, about]) => connectionFrom(name, about) ?? []);

export const names = async (node: LabNode): Promise<readonly string[]> =>
  (await listed(node)).map(([name]) => name).sort();

/** `swanctl`, which speaks VICI by code of strongSwan's. */
export const swanctl = (node: LabNode, words: string): Promise<string> =>
  node.netns.sh(`swanctl ${words} --uri unix://${socketOf(node)}`);
