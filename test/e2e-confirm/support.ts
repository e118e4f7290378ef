import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Checkpoint, Checkpoints } from '../../src/reconcile/checkpoint.js';
import { type Finished, FLAN, flan } from '../support/cli.js';
import { type Lab, type LabNode, peerLease, required } from '../support/lab.js';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const DIE_IN_APPLY = fileURLToPath(new URL('die-in-apply.ts', import.meta.url));
const PATIENCE_MS = 20_000;

/** Waits for something to come true. */
export async function until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 50) {
    if (await check()) return;
    await sleep(50);
  }
  throw new Error(`waited too long for: ${what}`);
}

export const lastOf = (node: LabNode): Checkpoint =>
  required(new Checkpoints(node.runtimeDir).list().at(-1), 'checkpoint');

export const untilState = (node: LabNode, state: Checkpoint['state']): Promise<void> =>
  until(`checkpoint ${state}`, () => lastOf(node).state === state);

export function timerPid(node: LabNode): number {
  const { owner } = lastOf(node);
  if (owner === undefined || !('pid' in owner)) throw new Error('there is no timer process');
  return owner.pid;
}

export const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/ns`);

/** Everything that a rollback must bring back: routes of everybody, and subnet.env. */
export const stateOf = async (node: LabNode): Promise<string> =>
  `${(await node.routes()).join('\n')}\n${await node.foreignRoutes()}\n${node.subnetEnv() ?? 'no subnet.env'}`;

/**
 * Two peers in place, then leases that make an apply create one route, change one and delete one.
 * @returns the state before that apply
 */
export async function prepareChange(lab: Lab, node: LabNode): Promise<string> {
  await node.netns.sh('ip route add 10.244.77.0/24 via 192.168.10.77 proto static');
  lab.put('node-b.yaml', peerLease('b'));
  lab.put('node-c.yaml', peerLease('c'));
  const applied = await node.flan(['apply', '--yes']);
  if (applied.code !== 0) throw new Error(applied.stderr);
  lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '192.168.10.22' });
  lab.remove('node-c.yaml');
  lab.put('node-d.yaml', peerLease('d'));
  return stateOf(node);
}

export const CHANGED: readonly string[] = [
  '10.244.2.0/24 via 192.168.10.22 dev eth0',
  '10.244.4.0/24 via 192.168.10.4 dev eth0',
];

/** Made into one file, which starts much sooner than the sources do. */
export async function buildDieInApply({ dir }: Lab) {
  const outfile = `${dir}/die-in-apply.cjs`;
  const how = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' } as const;
  await build({ entryPoints: [DIE_IN_APPLY], outfile, external: ['koffi'], ...how });
  return (node: LabNode, outcomes: number, confirm: string): Promise<Finished> =>
    flan([outfile, FLAN, String(outcomes), confirm, ...node.flags], {
      command: process.execPath,
      env: { NODE_PATH: MODULES },
    });
}
