import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ViciMessage } from '../../../src/drivers/vici/message.js';
import { encodePacket, packetAssembler, type ViciPacket } from '../../../src/drivers/vici/packet.js';

export interface FakeCharon {
  readonly socket: string;
  /** What each command is answered with; one that is not here it does not know. */
  readonly answers: Record<string, ViciMessage>;
  /** Events that it knows. */
  readonly events: Set<string>;
  /** Whether it hangs up on whoever asks anything. */
  isMute: boolean;
  /** How many conversations there are now. */
  talks(): number;
  /** The names of what it was asked, in their order. */
  readonly asked: string[];
}

/** Something that speaks VICI as far as the driver goes, and holds nothing. */
export async function fakeCharon(): Promise<FakeCharon> {
  const folder = mkdtempSync(join(tmpdir(), 'flan-charon-'));
  const open = new Set<Socket>();
  const fake: FakeCharon = {
    socket: join(folder, 'charon.vici'),
    answers: { 'get-conns': { conns: [] }, 'get-shared': { keys: [] }, 'get-keys': { keys: [] }, version: {} },
    events: new Set(['ike-updown', 'child-updown', 'list-conn', 'list-sa']),
    isMute: false,
    talks: () => open.size,
    asked: [],
  };
  const answerTo = (packet: ViciPacket): ViciPacket => {
    if (packet.type === 'register' || packet.type === 'unregister') {
      return fake.events.has(packet.name) ? { type: 'confirm' } : { type: 'unknown event' };
    }
    const message = packet.type === 'request' ? fake.answers[packet.name] : undefined;
    return message === undefined ? { type: 'unknown command' } : { type: 'response', message };
  };
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    const assemble = packetAssembler();
    socket.on('data', (chunk: Buffer) => {
      for (const packet of assemble(chunk)) {
        if ('name' in packet) fake.asked.push(packet.name);
        if (fake.isMute) socket.destroy();
        else socket.write(encodePacket(answerTo(packet)));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(fake.socket, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  return fake;
}
