import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { flan } from '../support/cli.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

/** Runs a command with --json and holds what it prints against its schema. */
async function checked(node: LabNode, args: readonly string[], code = 0): Promise<string> {
  const { stdout, stderr, code: was } = await node.flan([...args, '--json']);
  expect([args, was, was === code ? '' : stdout, stderr.includes('Error')]).toEqual([args, code, '', false]);
  const document = JSON.parse(stdout) as { kind: string };
  const name = document.kind.replace('flan.', '');
  expect([args, faultsOf(name, document)]).toEqual([args, []]);
  return name;
}

describe('what --json prints', () => {
  labTest('is what the schemas say, of every command on a node', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const file = (name: string): string => join(lab.dir, name);
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('bad.yaml', 'subnet: nonsense');
    await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.99 proto static');
    const names = [
      await checked(a, ['plan', '--verbose', '--show-foreign', '--summary-json', file('summary.json')]),
      await checked(a, ['validate'], 65),
      await checked(a, ['show leases']),
      await checked(a, ['snapshot']),
      await checked(a, ['apply'], 1),
    ];
    expect(names.at(-1)).toBe('error');
    lab.remove('bad.yaml');
    await a.netns.ip('route del 10.244.2.0/24');
    expect(faultsOf('summary', JSON.parse(readFileSync(file('summary.json'), 'utf8')))).toEqual([]);
    names.push(
      await checked(a, ['plan', '--out', file('plan')]),
      await checked(a, ['show', file('plan')]),
      await checked(a, ['apply', file('plan')]),
      await checked(a, ['show', file('plan')]),
      await checked(a, ['validate']),
      await checked(a, ['lease list']),
      await checked(a, ['lease show']),
      await checked(a, ['lease acquire']),
      await checked(a, ['lease reserve', '10.244.200.0/24']),
      await checked(a, ['lease release', '10.244.200.0/24', '--yes']),
      await checked(a, ['show facts']),
      await checked(a, ['show desired']),
      await checked(a, ['show observed']),
      await checked(a, ['config show']),
      await checked(a, ['status']),
      await checked(a, ['history']),
      await checked(a, ['snapshot', '--out', file('a.json')]),
      await checked(a, ['destroy', '--release', '--yes']),
    );
    expect(faultsOf('saved-plan', JSON.parse(readFileSync(file('plan'), 'utf8')))).toEqual([]);
    const broken = JSON.parse(readFileSync(file('a.json'), 'utf8'));
    writeFileSync(
      file('b.json'),
      JSON.stringify({ ...broken, facts: { ...broken.facts, links: [], defaultRoutes: [] } }),
    );
    const fleet = ['plan', '--snapshot', file('a.json'), '--snapshot', file('b.json'), '--leases-from', 'snapshot'];
    names.push(await checked(a, fleet, 78));
    const lines = (await a.flan([...fleet, '-o', 'ndjson'])).stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) expect([line, faultsOf('plan-events', JSON.parse(line))]).toEqual([line, []]);
    expect(names).toEqual(
      expect.arrayContaining([
        'fleet-plan',
        'shown-plan',
        'snapshot',
        'apply',
        'destroy',
        'leases',
        'release',
        'status',
      ]),
    );
    for (const args of [
      ['version'],
      ['init', file('cluster')],
      ['fmt', '--check', file('cluster/leases')],
      ['schema'],
    ]) {
      const document = JSON.parse((await flan([...args, '--json'])).stdout) as { kind: string };
      expect([args, faultsOf(document.kind.replace('flan.', ''), document)]).toEqual([args, []]);
    }
  });

  labTest('is what the schemas say, of every command that operates a node', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const idOf = async (): Promise<string> => {
      const { checkpoints } = JSON.parse((await a.flan(['checkpoint ls', '--json'])).stdout);
      return checkpoints.at(-1).id;
    };
    const names = [
      await checked(a, ['apply', '--yes', '--confirm', '5m', '--probe', `icmp://${a.address.v4}`]),
      await checked(a, ['status']),
      await checked(a, ['checkpoint ls']),
      await checked(a, ['checkpoint show', await idOf()]),
      await checked(a, ['confirm']),
      await checked(a, ['explain', '10.244.2.1']),
      await checked(a, ['rollback', await idOf(), '--yes']),
      await checked(a, ['resume']),
      await checked(a, ['doctor'], (await a.flan(['doctor'])).code ?? 0),
      await checked(a, ['prune', '--dry-run']),
      await checked(a, ['adopt', '--dry-run']),
      await checked(a, ['apply', '--yes']),
      await checked(a, ['prune', '--yes']),
      await checked(a, ['adopt', '--yes']),
      await checked(a, ['sysdump', '-o', join(lab.dir, 'dump.tar.gz')]),
      await checked(a, ['destroy', '--dry-run']),
    ];
    expect(names).not.toContain('error');
  });

  labTest('of a watch is events that the schema names', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed');
    await checked(a, ['status']);
    await daemon.stop();
    expect(daemon.events.length).toBeGreaterThan(4);
    for (const event of daemon.events) expect([event, faultsOf('watch', event)]).toEqual([event, []]);
    await checked(a, ['history']);
  });

  labTest('is printed by `flan schema`, by name', {}, async () => {
    const plan = await flan(['schema', 'plan']);
    expect(JSON.parse(plan.stdout)).toMatchObject({ $id: 'urn:flan:schema:plan:1', title: 'flan plan --json' });
    expect((await flan(['schema', 'flan.plan'])).stdout).toBe(plan.stdout);
    expect((await flan(['schema'])).stdout).toMatch(/^ +saved-plan +flan plan --out FILE$/m);
    const wrong = await flan(['schema', 'plann']);
    expect(wrong).toMatchObject({ code: 64, stdout: '' });
    expect(wrong.stderr).toContain('Did you mean plan?');
  });
});
