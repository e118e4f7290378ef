import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Lab, labTest, peerLease } from '../support/lab.js';
import { chromium, whyNoBrowser } from './browser.js';

/** Kept for whoever wants to look at it. */
const ARTEFACTS = fileURLToPath(new URL('../../.cache/screenshots/', import.meta.url));

/** A port of loopback that nobody has now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A node with peers that has been disturbed, and its page. */
async function busyNode(lab: Lab): Promise<string> {
  const port = await freePort();
  const a = lab.node();
  for (const letter of 'bcdefgh') lab.put(`node-${letter}.yaml`, peerLease(letter));
  lab.put('node-x.yaml', { node: 'node-<x>', subnet: '10.99.0.0/24', publicIP: '192.168.10.9' });
  const daemon = await a.watch([
    '--resync-interval',
    '10h',
    '--healthz-ip',
    '127.0.0.1',
    '--healthz-port',
    String(port),
  ]);
  for (const n of [2, 5, 3, 7]) {
    const mark = daemon.mark();
    await a.netns.ip(`route del 10.244.${n}.0/24`);
    await daemon.until('healed', () => true, mark);
  }
  lab.put('node-h.yaml', { ...peerLease('h'), publicIP: '203.0.113.8' });
  await daemon.until('failed');
  return `http://127.0.0.1:${port}/`;
}

/** Width and height, which a PNG begins with. */
const sizeOf = (png: Buffer): readonly number[] => [png.readUInt32BE(16), png.readUInt32BE(20)];

describe('the status page', () => {
  const missing = whyNoBrowser();
  if (missing !== undefined && process.env.FLAN_REQUIRE_KERNEL !== '1') {
    process.stderr.write(`SKIPPED the status page in a browser: ${missing}\n`);
    test.skip(`in Chromium (${missing})`, () => {});
    return;
  }

  labTest(
    'is read in Chromium, where its policy allows no script, and drawn in light and dark',
    { timeoutMs: 120_000 },
    async (lab) => {
      const url = await busyNode(lab);
      const dom = await chromium(url, ['--dump-dom']);
      expect(dom).toContain('<title>node-a · flan</title>');
      expect(dom).not.toContain('<script');
      const rows = [...dom.matchAll(/<th scope="row">(node-.)<\/th><td class="mono">([^<]*)</g)];
      expect(rows.map(([, name, subnet]) => `${name} ${subnet}`).sort()).toEqual(
        ['b 2', 'c 3', 'd 4', 'e 5', 'f 6', 'g 7', 'h 8'].map((peer) => {
          const [letter, n] = peer.split(' ');
          return `node-${letter} 10.244.${n}.0/24`;
        }),
      );
      expect(dom).toContain('✕ 1 failing');
      // One mark in the plot for each drift and each repair.
      expect(dom.match(/<circle class="repair"/g)).toHaveLength(4);
      expect(dom.match(/<path class="tick drift"/g)).toHaveLength(4);
      expect(dom).not.toContain('<x>');
      mkdirSync(ARTEFACTS, { recursive: true });
      const shots = { light: 1, dark: 0, narrow: 1 };
      const pictures = new Map<string, Buffer>();
      for (const [name, scheme] of Object.entries(shots)) {
        const path = join(ARTEFACTS, `status-${name}.png`);
        const size = name === 'narrow' ? '500,1600' : '1200,1500';
        await chromium(url, [
          `--screenshot=${path}`,
          `--window-size=${size}`,
          `--blink-settings=preferredColorScheme=${scheme}`,
        ]);
        pictures.set(name, readFileSync(path));
        expect(sizeOf(readFileSync(path)).join()).toBe(size);
      }
      expect(pictures.get('light')?.equals(pictures.get('dark') ?? Buffer.alloc(0))).toBe(false);
    },
  );
});
