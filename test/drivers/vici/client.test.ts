import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openVici, type ViciClient } from '../../../src/drivers/vici/client.js';
import { encodePacket } from '../../../src/drivers/vici/packet.js';
import { viciSession } from '../../../src/drivers/vici/session.js';

/** Where something listens that does what `act` says with each conversation, and is no charon. */
async function listening(act: (socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'flan-vici-'));
  const path = join(folder, 'charon.vici');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

async function clientOf(act: (socket: Socket) => void): Promise<ViciClient> {
  const client = await openVici(await listening(act));
  onTestFinished(() => client.close());
  return client;
}

const event = encodePacket({ type: 'event', name: 'spam', message: { a: 'b' } });

/** Without end, and at the other end's pace. */
function flood(socket: Socket): void {
  if (socket.destroyed) return;
  socket.write(Buffer.concat(Array<Uint8Array>(100).fill(event)), () => setImmediate(flood, socket));
}

it.each([
  ['says nothing', () => undefined, 'no answer within'],
  ['tells of things without end', flood, 'no answer within'],
  ['ends within a packet', (socket: Socket) => socket.end(Buffer.from([0, 0, 0, 9, 1, 3])), 'ended the conversation'],
  ['speaks something else', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request'), 'is malformed'],
  ['answers unasked', (socket: Socket) => socket.write(encodePacket({ type: 'confirm' })), 'what was not asked'],
])('what %s is told of with its place, and is done with', { timeout: 20_000 }, async (_what, act, why) => {
  const client = await clientOf((socket) => void setTimeout(act, 50, socket));
  if (why === 'what was not asked') await client.closed;
  const failed = client.request('version');
  await expect(failed).rejects.toMatchObject({ code: 'E_CHARON', message: expect.stringContaining('charon.vici: ') });
  await expect(failed).rejects.toThrow(why);
  await expect(failed).rejects.toMatchObject({ hint: expect.stringContaining('start that charon again') });
  await client.closed;
  await expect(client.request('version')).rejects.toThrow(why);
});

it('goes on after what does not fit into a packet, which nobody is asked', async () => {
  const client = await clientOf((socket) =>
    socket.on('data', () => socket.write(encodePacket({ type: 'response', message: { version: '1' } }))),
  );
  const timers = vi.spyOn(globalThis, 'setTimeout');
  await expect(client.request('load-shared', { data: 'x'.repeat(70_000) })).rejects.toMatchObject({ code: 'E_DECODE' });
  // Nothing is waited for that would end the conversation later.
  expect(timers).not.toHaveBeenCalled();
  expect(await client.request('version')).toMatchObject({ version: '1' });
});

it('is not asked once more after the session was closed', async () => {
  const session = viciSession([await listening(() => undefined)]);
  onTestFinished(() => session.close());
  const first = await session.open();
  session.close();
  expect(await session.open()).not.toBe(first);
  await first.closed;
});
