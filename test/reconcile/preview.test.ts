import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { preview } from '../../src/reconcile/preview.js';
import { labTest, peerLease } from '../support/lab.js';
import { openLabSession } from '../support/lab-session.js';

const signal = new AbortController().signal;

/** Every file with its content and time stamps. */
const listing = (dir: string) =>
  (readdirSync(dir, { recursive: true }) as string[]).sort().map((name) => {
    const stats = statSync(join(dir, name));
    return [name, stats.mtimeMs, stats.ino, stats.isFile() ? readFileSync(join(dir, name), 'utf8') : ''];
  });

describe('preview', () => {
  for (const subnets of ['drawn', 'written'] as const) {
    labTest(
      `changes nothing, with a lease ${subnets}: not the kernel, not a file, not the store`,
      { families: '46', subnets },
      async (lab) => {
        const node = lab.node();
        for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter, '46'));
        const everything = async () => [await node.netns.ip('-N route show table all'), listing(lab.dir)];
        const before = await everything();
        const session = await openLabSession(node.flags);
        try {
          const { plan } = await preview({ session, adopt: 'yes', signal });
          expect(plan.steps.map(({ key }) => key.split('/')[0])).toEqual(
            subnets === 'drawn'
              ? ['lease', 'route', 'route', 'route', 'route']
              : ['route', 'route', 'route', 'route', 'file'],
          );
          expect(await preview({ session, adopt: 'yes', signal })).toMatchObject({ plan });
        } finally {
          await session.close();
        }
        expect(await everything()).toEqual(before);
      },
    );
  }

  labTest(
    'takes nothing of the own subnet for a leftover while no lease is held',
    { subnets: 'drawn' },
    async (lab) => {
      const node = lab.node();
      lab.put('node-b.yaml', peerLease('b'));
      const more = ['--ip-masq', '--ip-blackhole-route'];
      expect((await node.flan(['apply', '--yes', ...more])).code).toBe(0);
      const own = readdirSync(lab.leases).find((name) => /^10-|^10\.244|node-a/.test(name));
      if (own === undefined) throw new Error(`no lease of node-a in ${readdirSync(lab.leases)}`);
      lab.remove(own);
      const planned = JSON.parse((await node.flan(['plan', '--json', ...more])).stdout);
      expect(planned.plan.steps.map(({ key }: { key: string }) => key)).toEqual(['lease/node-a']);
    },
  );
});
