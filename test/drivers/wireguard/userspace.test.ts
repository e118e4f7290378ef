import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { userspaceWireguard } from '../../../src/drivers/wireguard/userspace.js';

it('gives up a wireguard-go that does not answer, and hangs up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flan-uapi-'));
  const hungUp = new Promise<void>((resolve) => {
    const server = createServer((socket) => {
      socket.on('close', () => resolve());
      socket.on('error', () => undefined);
      // Asked, and silent: as one that is stopped.
      socket.once('data', () => vi.advanceTimersByTime(60_000));
    });
    server.listen(join(folder, 'flan-wg.sock'));
    onTestFinished(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const go = userspaceWireguard({ folder, publicKeyOf: () => '' });
  await expect(go.read('flan-wg')).rejects.toMatchObject({
    ...{ code: 'E_SYSTEM', retry: true, message: 'wireguard-go of flan-wg did not answer within 10 s' },
  });
  await hungUp;
});
