import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { KernelContext } from '../support/kernel.js';
import type { TestNetns } from '../support/netns.js';

export const PORT = 8080;
/** Enough for many packets of the largest size in both directions. */
const BODY_BYTES = 300_000;

const SERVER = `
  require('node:http').createServer((request, response) => {
    let got = 0;
    request.on('data', (chunk) => { got += chunk.length; });
    request.on('end', () => {
      response.setHeader('seen', request.socket.remoteAddress.replace('::ffff:', ''));
      response.setHeader('got', got);
      response.end('x'.repeat(${BODY_BYTES}));
    });
  }).listen(${PORT}, '::', () => console.log('listening'));`;

/** Serves on every address of the namespace until the test ends. */
export function serveHttp(netns: TestNetns, onEnd: KernelContext['onEnd']): Promise<void> {
  const child = spawn('ip', ['netns', 'exec', netns.name, process.execPath, '-e', SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onEnd(() => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', () => resolve());
    child.once('close', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

export interface Transfer {
  readonly from: TestNetns;
  readonly to: string;
  /** The address to send from; the kernel's choice when absent. */
  readonly source?: string;
}

/**
 * Posts a body to a server and reads one back.
 * @returns the address that the server saw, once everything has arrived; rejects after three seconds
 */
export async function transfer({ from, to, source }: Transfer): Promise<string> {
  const code = `
    const request = require('node:http').request({ host: '${to}', port: ${PORT}, method: 'POST', agent: false,
      ${source === undefined ? '' : `localAddress: '${source}',`} timeout: 3000 }, (response) => {
      let got = 0;
      response.on('data', (chunk) => { got += chunk.length; });
      response.on('end', () => console.log([response.headers.seen, response.headers.got, got].join(' ')));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.end('y'.repeat(${BODY_BYTES}));`;
  const [seen, up, down] = (await from.sh(`${process.execPath} -e ${quote(code)}`)).trim().split(' ');
  if (Number(up) !== BODY_BYTES || Number(down) !== BODY_BYTES) throw new Error(`${up} bytes up and ${down} down`);
  return seen ?? '';
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
