import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { putLeases, vxlanNetwork } from '../e2e-vxlan/overlay.js';
import { FLAN, finished } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease, required } from '../support/lab.js';
import { openTerminal, type TestTerminal } from '../support/terminal.js';

const size = { columns: 120, lines: 24 };

function watchOn(lab: Lab, node: LabNode, { columns, lines } = size): TestTerminal {
  const terminal = openTerminal([FLAN, 'watch', '--ui', ...node.flags], { columns, lines });
  lab.onEnd(() => terminal.kill());
  return terminal;
}

describe.runIf(existsSync('/usr/bin/script'))('watch --ui', () => {
  labTest('shows peers, what lacks, drift and events on a terminal, and gives it back', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '203.0.113.7' });
    const terminal = watchOn(lab, a);
    const first = await terminal.until((screen) => screen.includes('✓ ready') && screen.includes('1 lacking'));
    expect([terminal.isFullScreen(), terminal.hasCursor()]).toEqual([true, false]);
    const lines = first.split('\n');
    expect(lines[0]).toMatch(/^node-a {2}host-gw · 10\.244\.0\.0\/16 {2}✓ ready {2}up .* flan \d/);
    expect(lines[3]).toMatch(/^peers {2}2 in use, 1 lacking, 0 left out · 3 objects, 1 failing · drift 0, repaired 0/);
    expect(lines[5]).toMatch(/^NODE +SUBNET +ADDRESS +BACKEND +ROUTE +DRIFT +CHANGED +AGE$/);
    expect(lines[6]).toMatch(/^node-c +10\.244\.3\.0\/24 +203\.0\.113\.7 +host-gw +✕ 0\/1 +0 +- +\S+ m?s$/);
    expect(lines[7]).toMatch(/^node-b +10\.244\.2\.0\/24 +192\.168\.10\.2 +host-gw +✓ +0 +\S+ m?s ago +\S+ m?s$/);
    expect(lines.at(-1)).toBe('q quit   p pause   r read again   ? help');
    await a.netns.ip('route del 10.244.2.0/24');
    const drifted = await terminal.until((screen) => screen.includes('drift 1, repaired 1'));
    expect(drifted).toMatch(/^node-b .* ✓ +1 /m);
    expect(drifted).toMatch(/^\d\d:\d\d:\d\d {2}drift route\/main\/10\.244\.2\.0\/24 was deleted$/m);

    terminal.press('?');
    expect(await terminal.until((screen) => screen.includes('this help'))).toContain('scroll the peers');
    terminal.press('?r');
    await terminal.until((screen) => screen.includes('resync (asked for at the terminal)'));
    terminal.press('p');
    const paused = await terminal.until((screen) => screen.includes('PAUSED'));
    await a.netns.ip('route del 10.244.2.0/24');
    const eventually = async (): Promise<void> => {
      while (!(await a.routes()).some((route) => route.startsWith('10.244.2.0/24'))) await new Promise(setImmediate);
    };
    await eventually();
    expect(terminal.screen().join('\n')).toBe(paused);
    terminal.press('p');
    await terminal.until((screen) => screen.includes('drift 2, repaired 2') && !screen.includes('PAUSED'));

    terminal.press('q');
    expect(await terminal.ended).toBe(0);
    expect([terminal.isFullScreen(), terminal.hasCursor()]).toEqual([false, true]);
    expect(terminal.screen().join('\n')).toContain('stopped: asked to; everything stays in place');
    expect(await a.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
  });

  labTest('has a column for each kind of object of a peer', { nodes: 2, network: vxlanNetwork('4') }, async (lab) => {
    putLeases(lab, '4');
    const b = required(lab.nodes[1], 'second node');
    await b.watch();
    const terminal = watchOn(lab, lab.node());
    const screen = await terminal.until((text) => / ✓ +✓ +✓ /.test(text));
    expect(screen).toMatch(/^NODE +SUBNET +ADDRESS +BACKEND +ROUTE +NEIGH +FDB +DRIFT +CHANGED +AGE$/m);
    expect(screen).toMatch(/^node-b +10\.244\.2\.0\/24 +192\.168\.10\.2 +vxlan +✓ +✓ +✓ +0 /m);
    terminal.press('q');
    expect(await terminal.ended).toBe(0);
  });

  labTest('scrolls, cuts to the size of the terminal, and ends by Ctrl-C', {}, async (lab) => {
    const a = lab.node();
    for (const letter of 'bcdefghijklmnopqrst') lab.put(`node-${letter}.yaml`, peerLease(letter));
    const terminal = watchOn(lab, a, { columns: 60, lines: 16 });
    const top = await terminal.until((screen) => screen.includes('19 in use') && screen.includes('more'));
    expect(top).toMatch(/^node-b /m);
    expect(top).not.toMatch(/^node-t /m);
    for (const line of top.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
    terminal.press('\x1b[B'.repeat(30));
    const end = await terminal.until((screen) => /^node-t /m.test(screen));
    expect(end).not.toMatch(/^node-b /m);
    terminal.press('\x03');
    expect(await terminal.ended).toBe(0);
    expect(terminal.isFullScreen()).toBe(false);
  });

  labTest('an error is told on the terminal as it was before', {}, async (lab) => {
    const a = lab.node();
    await a.watch();
    const terminal = watchOn(lab, a);
    expect(await terminal.ended).toBe(75);
    expect([terminal.isFullScreen(), terminal.hasCursor()]).toEqual([false, true]);
    expect(terminal.screen().join('\n')).toContain('Error E_LOCKED: another flan is changing this host');
  });

  labTest('falls back to lines where there is no terminal', {}, async (lab) => {
    const a = lab.node();
    const child = a.start(['watch', '--ui']);
    lab.onEnd(() => child.kill('SIGKILL'));
    const end = finished(child);
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: string) => {
        if (chunk.includes('ready: ')) resolve();
      });
    });
    child.kill('SIGTERM');
    const { code, stderr, stdout } = await end;
    expect([code, stderr]).toEqual([0, '--ui needs a terminal: a line per event instead\n']);
    expect(stdout).toMatch(/^\S+Z lease 10\.244\.1\.0\/24 held$/m);
  });
});
