import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a script of ours in a process of its own: what is tested is how that process ends. */
async function ends(body: string): Promise<{ code: number | null; signal: string | null; out: string }> {
  const script = `
    import { MonitorSocket } from '${ROOT}src/netlink/monitor.ts';
    const heard = { groups: [1], onMessage() {}, onOverrun() {}, onError(error) { console.log('error', String(error)); } };
    ${body}
  `;
  const child = spawn(join(ROOT, 'node_modules/.bin/tsx'), ['--input-type=module', '-e', script], { cwd: ROOT });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (out += chunk));
  const [code, signal] = await once(child, 'close');
  return { code, signal, out };
}

test('a process ends by itself once its monitor is closed', async () => {
  const body = `const m = MonitorSocket.open(heard); setTimeout(() => { m.close(); m.close(); console.log('closed'); }, 20);`;
  expect(await ends(body)).toEqual({ code: 0, signal: null, out: 'closed\n' });
});

test('a monitor that does not count lets the process end', async () => {
  expect(await ends(`MonitorSocket.open(heard).unref();`)).toEqual({ code: 0, signal: null, out: '' });
});

test('process.exit ends a process with an open monitor', async () => {
  const body = `MonitorSocket.open(heard); setTimeout(() => process.exit(7), 20);`;
  expect(await ends(body)).toEqual({ code: 7, signal: null, out: '' });
});

test('opening and closing leaks no descriptor, in any order and also after garbage collection', async () => {
  const body = `
    import { readdirSync } from 'node:fs';
    const count = () => readdirSync('/proc/self/fd').length;
    MonitorSocket.open(heard).close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = count();
    for (let i = 0; i < 500; i++) {
      const [a, b] = [MonitorSocket.open(heard), MonitorSocket.open(heard)];
      a.close(); b.close(); a.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(count() - before);`;
  expect(await ends(body)).toEqual({ code: 0, signal: null, out: '0\n' });
});

test('a group that does not exist is an error and leaves nothing open', async () => {
  const body = `
    try { MonitorSocket.open({ ...heard, groups: [1, 4000000] }); } catch (error) { console.log(error.code); }`;
  expect(await ends(body)).toEqual({ code: 0, signal: null, out: 'E_SYSTEM\n' });
});
