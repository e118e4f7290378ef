import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CloudClient } from '../../src/drivers/cloud/client.js';
import { openClient } from '../../src/drivers/cloud/open.js';
import type { CloudEntry } from '../../src/kinds/cloud-route.js';
import { type Prefix, parsePrefix } from '../../src/model/ip.js';
import type { CloudBed } from '../support/fake-cloud/bed.js';
import { type TestEdge, testEdge } from '../support/fake-cloud/edge.js';

const DST = parsePrefix('10.244.1.0/24');
const NETWORKS: readonly Prefix[] = [parsePrefix('10.244.0.0/16')];
const never = new AbortController().signal;

/** What every client of a cloud must do, against a cloud that checks, lags, refuses and fails. */
export function cloudClientContract(makeBed: () => Promise<CloudBed>): void {
  let bed: CloudBed;
  let edge: TestEdge;
  let client: CloudClient;
  beforeEach(async () => {
    bed = await makeBed();
    edge = testEdge(bed.env);
    client = openClient({ cloud: bed.cloud, tables: [] }, edge);
  });
  afterEach(() => bed.close());

  const routes = (): Promise<readonly CloudEntry[]> =>
    client.routes({ tables: [bed.table], networks: NETWORKS }, never);
  const standing = async (): Promise<readonly CloudEntry[]> => (await routes()).filter(({ dst }) => dst === DST);
  const put = async (): Promise<void> =>
    client.put({ table: bed.table, dst: DST, target: bed.self, standing: await standing() }, never);

  describe('a client', () => {
    it('finds this instance, its interface and the table of its subnet', async () => {
      const facts = await client.locate('locate', never);
      expect(facts.cloud).toBe(bed.cloud);
      const at = facts.interfaces.find(({ addresses }) => addresses.some((one) => one === '192.168.10.1'));
      expect(at).toMatchObject({ target: bed.self, table: bed.table });
      expect(facts.tables.find(({ id }) => id === bed.table)).toMatchObject({ network: at?.network });
      expect(facts.denied).toEqual([]);
      for (const secret of bed.secrets()) expect(JSON.stringify(facts)).not.toContain(secret);
    });

    it('makes a route that leads here, and reads it back', async () => {
      await put();
      expect(bed.routes()).toEqual([`${DST} ${bed.self}`]);
      let read = await routes();
      // Some clouds make routes in the background.
      for (let looks = 0; looks < 5 && read[0]?.state === 'pending'; looks++) read = await routes();
      expect(read).toMatchObject([{ table: bed.table, dst: DST, target: bed.self, state: 'active' }]);
    });

    it('puts its own in the place of others, and never leaves a gap', async () => {
      bed.put(DST, bed.other);
      await put();
      expect(bed.routes()).toEqual([`${DST} ${bed.self}`]);
      const writes = bed.writes().join(' ');
      expect(writes).not.toMatch(/^Delete/);
    });

    it('sees that a route leads nowhere, where the cloud tells', async () => {
      if (bed.dead === undefined) return;
      bed.put(DST, bed.dead);
      expect(await routes()).toMatchObject([{ dst: DST, state: 'blackhole' }]);
    });

    it('removes routes, and takes it well when they are gone', async () => {
      bed.put(DST, bed.self);
      const entries = await standing();
      await client.remove(entries, never);
      expect(bed.routes()).toEqual([]);
      await client.remove(entries, never);
    });

    it('tells only of routes inside the networks', async () => {
      bed.put('10.99.0.0/24', bed.other);
      bed.put('10.244.7.0/24', bed.other);
      expect((await routes()).map(({ dst }) => dst)).toEqual(['10.244.7.0/24']);
    });

    it('tries again what is throttled or broken, with growing pauses', async () => {
      bed.faults.throttled.set(bed.actions.create, 2);
      bed.faults.broken.set(bed.actions.create, 1);
      await put();
      expect(bed.routes()).toEqual([`${DST} ${bed.self}`]);
      expect(edge.pausesMs.slice(0, 3)).toEqual(edge.pausesMs.slice(0, 3).toSorted((a, b) => a - b));
      expect(edge.pausesMs.length).toBeGreaterThanOrEqual(3);
    });

    it('gives up on what stays throttled', async () => {
      bed.faults.throttled.set(bed.actions.list, 1000);
      await expect(routes()).rejects.toMatchObject({ code: 'E_CLOUD_THROTTLED', retry: true });
    });

    it('names the permission that is missing, once', async () => {
      bed.faults.denied.add(bed.actions.create);
      const refused = await put().then(
        () => undefined,
        (error: unknown) => error as Error & { hint?: string },
      );
      expect(refused).toMatchObject({ code: 'E_CLOUD_PERMISSION', retry: false });
      expect(refused?.hint).toContain(bed.permission);
      expect(refused?.message.length).toBeLessThan(500);
      expect(edge.pausesMs).toEqual([]);
    });

    it('says when nothing more fits in', async () => {
      bed.fill();
      await expect(put()).rejects.toMatchObject({ code: 'E_CLOUD_QUOTA' });
    });

    it('is refused with credentials that are wrong, and says so without them', async () => {
      const before = bed.secrets();
      bed.rotate();
      const refused = await routes().then(
        () => undefined,
        (error: unknown) => error as Error & { code?: string; hint?: string },
      );
      // Where credentials come from the instance the new ones are fetched, and it works.
      if (refused === undefined) return;
      expect(refused).toMatchObject({ code: 'E_CLOUD_AUTH' });
      for (const secret of before) expect(`${refused.message} ${refused.hint}`).not.toContain(secret);
    });

    it('stops when it is told to', async () => {
      const stop = new AbortController();
      stop.abort(new Error('enough'));
      await expect(client.routes({ tables: [bed.table], networks: NETWORKS }, stop.signal)).rejects.toThrow('enough');
    });

    it('tells a cloud that cannot be reached from one that refuses', async () => {
      await bed.close();
      await expect(client.locate('locate', never)).rejects.toMatchObject({ code: 'E_CLOUD_UNREACHABLE', retry: true });
    });
  });
}
