import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect } from 'vitest';
import { kernelTest } from '../support/kernel.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOBODY = 65534;

const SCRIPT = `
  import { CommandSocket } from '${ROOT}src/netlink/command.ts';
  import { dumpLinks, dumpRoutes } from '${ROOT}src/netlink/dumps.ts';
  import { MonitorSocket } from '${ROOT}src/netlink/monitor.ts';
  import { routeRequest } from '${ROOT}src/netlink/wire/route.ts';
  import { decodeEvent } from '${ROOT}src/netlink/wire/event.ts';
  import { hasCapability } from '${ROOT}src/sys/caps.ts';
  const socket = CommandSocket.open();
  const said = { admin: hasCapability('CAP_NET_ADMIN'), links: dumpLinks(socket).map((link) => link.name) };
  said.routes = dumpRoutes(socket, { family: 4, table: 254 }).map((route) => route.dst);
  try { socket.perform(routeRequest('add', { dst: '10.9.0.0/16', type: 6 })); } catch (error) {
    said.refused = [error.code, error.message, error.hint];
  }
  try { CommandSocket.open({ netns: process.argv[2] }); } catch (error) { said.netns = error.code; }
  const monitor = MonitorSocket.open({
    groups: [7],
    onMessage(message) { said.heard = decodeEvent(message)?.message.dst; monitor.close(); console.log(JSON.stringify(said)); },
    onOverrun() {}, onError(error) { console.log(String(error)); },
  });
  console.log('ready');
`;

kernelTest('dumps and events need no privilege; changes say that they do', { timeoutMs: 60_000 }, async (context) => {
  const { netns, onEnd } = context;
  const dir = mkdtempSync(join(tmpdir(), 'flan-unprivileged-'));
  onEnd(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'main.ts'), SCRIPT);
  // A bundle, as flan is shipped: the foreign function interface is found from there too.
  const outfile = join(ROOT, 'node_modules', `.flan-unprivileged-${process.pid}.cjs`);
  onEnd(() => rmSync(outfile, { force: true }));
  await build({
    entryPoints: [join(dir, 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logOverride: { 'empty-import-meta': 'silent' },
  });
  await netns.ip('route add blackhole 10.5.0.0/16');
  const command = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--bounding-set=-all'];
  const child = spawn('ip', ['netns', 'exec', netns.name, ...command, process.execPath, outfile, netns.name]);
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    if (out === 'ready\n') void netns.ip('route add blackhole 10.6.0.0/16');
  });
  child.stderr.on('data', (chunk) => {
    out += chunk;
  });
  await once(child, 'close');
  const [ready, said] = out.trim().split('\n');
  expect(ready).toBe('ready');
  expect(JSON.parse(said ?? '')).toEqual({
    admin: false,
    links: ['lo'],
    routes: ['10.5.0.0/16'],
    refused: ['E_PERMISSION', 'ip route add blackhole 10.9.0.0/16: EPERM', 'Run as root or with CAP_NET_ADMIN.'],
    netns: 'E_PERMISSION',
    heard: '10.6.0.0/16',
  });
});
