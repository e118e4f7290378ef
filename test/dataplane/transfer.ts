import { spawn } from 'node:child_process';
import type { TestNetns } from '../support/netns.js';

export interface Transfer {
  readonly content: Buffer;
  readonly sender: TestNetns;
  readonly receiver: TestNetns;
  /** Address of the receiver, and of the sender. */
  readonly to: string;
  readonly from: string;
}

const RECEIVE = `
const [to] = process.argv.slice(1);
const server = require('net').createServer((socket) => {
  socket.pipe(process.stdout);
  server.close();
}).listen({ host: to, port: 5001 }, () => process.stderr.write('listening'));
`;

const SEND = `
const [to, from] = process.argv.slice(1);
process.stdin.pipe(require('net').connect({ host: to, localAddress: from, port: 5001 }));
`;

/** Sends bytes over one TCP connection. @returns what has arrived */
export async function transfer({ content, sender, receiver, to, from }: Transfer): Promise<Buffer> {
  const start = (netns: TestNetns, script: string) =>
    spawn('ip', ['netns', 'exec', netns.name, process.execPath, '-e', script, to, from]);
  const server = start(receiver, RECEIVE);
  const chunks: Buffer[] = [];
  server.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => server.on('close', resolve));
  await new Promise((resolve) => server.stderr.once('data', resolve));
  const client = start(sender, SEND);
  try {
    client.stdin.end(content);
    await ended;
    return Buffer.concat(chunks);
  } finally {
    client.kill();
    server.kill();
  }
}
