import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { becomes } from '../e2e-vxlan/overlay.js';
import { type Lab, labTest, peerLease } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { extensionNetwork, linesOf, putPeer } from './extension.js';

const logOf = (lab: Lab): string => join(lab.dir, 'log');
/** Commands that say what they were told, one line each. */
const saying = (lab: Lab, more: object = {}): object =>
  extensionNetwork({
    Shell: true,
    SubnetAddCommand: `echo "add $SUBNET,$IPV6SUBNET,$PUBLIC_IP,$PUBLIC_IPV6,$NETWORK,$OWN_SUBNET,$OWN_INTERFACE $(cat)" >>${logOf(lab)}`,
    SubnetRemoveCommand: `echo "remove $SUBNET $(cat)" >>${logOf(lab)}`,
    ...more,
  });
const ADD_B = 'add 10.244.2.0/24,,192.168.10.2,,10.244.0.0/16,10.244.1.0/24,eth0';

const start = (lab: Lab) => {
  const daemon = startDaemon(lab.node().start(['watch', '--json']));
  lab.onEnd(() => daemon.kill());
  return daemon;
};

describe('an extension in watch', () => {
  labTest('survives restarts: what went meanwhile is removed, what stayed is not added again', {}, async (lab) => {
    lab.put('network.yaml', saying(lab));
    putPeer(lab, 'b', { backendData: 'of b' });
    putPeer(lab, 'c');
    const first = await lab.node().watch();
    expect(linesOf(logOf(lab)).sort()).toEqual([`${ADD_B} of b`, expect.stringContaining('add 10.244.3.0/24')]);
    await first.kill();
    lab.remove('node-c.yaml');
    rmSync(logOf(lab));
    const second = await lab.node().watch();
    expect(linesOf(logOf(lab))).toEqual(['remove 10.244.3.0/24 ']);
    putPeer(lab, 'b', { backendData: 'new' });
    await becomes(async () => linesOf(logOf(lab)).slice(1).join('|'), `remove 10.244.2.0/24 of b|${ADD_B} new`);
    expect((await lab.node().flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    expect(await second.stop()).toMatchObject({ code: 0 });
    // Without a ShutdownCommand everything stays; another backend removes it.
    rmSync(logOf(lab));
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'alloc' } });
    expect((await lab.node().flan(['apply', '--yes'])).code).toBe(0);
    expect(linesOf(logOf(lab))).toEqual(['remove 10.244.2.0/24 new']);
  });

  labTest('SIGHUP with other settings runs no command for peers that stay', {}, async (lab) => {
    lab.put('network.yaml', saying(lab));
    putPeer(lab, 'b');
    const settings = join(lab.dir, 'flan.yaml');
    writeFileSync(settings, 'resyncInterval: 10h\n');
    const daemon = await lab.node().watch(['-c', settings]);
    expect(linesOf(logOf(lab))).toHaveLength(1);
    for (const [text, changed] of [
      ['resyncInterval: 9h\nipBlackholeRoute: true\n', ['ipBlackholeRoute', 'resyncInterval']],
      ['resyncInterval: 9h\n', ['ipBlackholeRoute']],
    ] as const) {
      writeFileSync(settings, text);
      const mark = daemon.mark();
      daemon.signal('SIGHUP');
      expect(await daemon.until('reload', () => true, mark)).toMatchObject({ result: 'taken', changed });
      await daemon.until('ready', () => true, mark);
    }
    expect(linesOf(logOf(lab))).toHaveLength(1);
    // Another command is another way to reach them all.
    rmSync(logOf(lab));
    lab.put('network.yaml', saying(lab, { SubnetAddCommand: `echo "other $SUBNET" >>${logOf(lab)}` }));
    const mark = daemon.mark();
    daemon.signal('SIGHUP');
    expect(await daemon.until('reload', () => true, mark)).toMatchObject({ result: 'taken' });
    await daemon.until('ready', () => true, mark);
    expect(linesOf(logOf(lab)).map((line) => line.trim())).toEqual(['remove 10.244.2.0/24', 'other 10.244.2.0/24']);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
  });

  labTest('goes on trying a peer whose command fails, and the others do not wait', {}, async (lab) => {
    const door = join(lab.dir, 'door');
    const add = `test $SUBNET != 10.244.2.0/24 || test -e ${door} || { echo closed; exit 1; }; echo "add $SUBNET" >>${logOf(lab)}`;
    lab.put('network.yaml', saying(lab, { SubnetAddCommand: add }));
    putPeer(lab, 'b');
    putPeer(lab, 'c');
    const daemon = await lab.node().watch();
    const { error } = await daemon.until('failed', ({ key }) => key === 'extension-peer/10.244.2.0/24');
    expect(error).toMatchObject({ code: 'E_EXTENSION', message: expect.stringContaining('exit code 1: closed') });
    expect(linesOf(logOf(lab))).toEqual(['add 10.244.3.0/24']);
    writeFileSync(door, '');
    await becomes(async () => linesOf(logOf(lab)).join(), 'add 10.244.3.0/24,add 10.244.2.0/24');
  });

  labTest('runs its commands once each, in order, and what it prints is published', {}, async (lab) => {
    const more = {
      PreStartupCommand: `echo "pre [$SUBNET] $PUBLIC_IP" >>${logOf(lab)}; echo ' key "of a" '`,
      PostStartupCommand: `echo "post $SUBNET $PUBLIC_IP $NETWORK" >>${logOf(lab)}`,
      ShutdownCommand: `echo shutdown >>${logOf(lab)}`,
    };
    lab.put('network.yaml', saying(lab, more));
    putPeer(lab, 'b');
    // No plan runs anything.
    const planned = await lab.node().flan(['plan']);
    expect(planned.stdout).toContain('(known after apply)');
    expect(linesOf(logOf(lab))).toEqual([]);
    const daemon = await lab.node().watch();
    const made = ['pre [] 192.168.10.1', 'post 10.244.1.0/24 192.168.10.1 10.244.0.0/16', ADD_B];
    expect(linesOf(logOf(lab)).map((line) => line.trim())).toEqual(made);
    expect((await lab.node().flan(['lease show', '--json'])).stdout).toContain(String.raw`"key \"of a\""`);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    expect(linesOf(logOf(lab)).at(-1)).toBe('shutdown');
    rmSync(logOf(lab));
    const again = await lab.node().watch();
    expect(linesOf(logOf(lab)).map((line) => line.split(' ')[0])).toEqual(['pre', 'post', 'add']);
    await again.kill();
    rmSync(logOf(lab));
    expect((await lab.node().flan(['destroy', '--yes'])).code).toBe(0);
    expect(linesOf(logOf(lab)).map((line) => line.split(' ')[0])).toEqual(['remove', 'shutdown']);
    expect((await lab.node().flan(['destroy', '--yes'])).code).toBe(0);
    expect(linesOf(logOf(lab))).toHaveLength(2);
  });

  labTest('tells every command every variable, in both families', { families: '46' }, async (lab) => {
    const names = [
      'NETWORK',
      'SUBNET',
      'IPV6SUBNET',
      'PUBLIC_IP',
      'PUBLIC_IPV6',
      'BACKEND_DATA',
      'OWN_SUBNET',
      'OWN_IPV6SUBNET',
    ];
    const saying = (what: string) =>
      `echo "${what} ${names.map((name) => `\${${name}-unset}`).join('|')}" >>${logOf(lab)}`;
    lab.put('network.yaml', {
      ...{ Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' },
      Backend: {
        ...{ Type: 'extension', Shell: true },
        ...{
          PreStartupCommand: saying('pre'),
          PostStartupCommand: saying('post'),
          ShutdownCommand: saying('shutdown'),
        },
        ...{ SubnetAddCommand: saying('add'), SubnetRemoveCommand: saying('remove') },
        SubnetCheckCommand: `${saying('check')}; grep -q "^add $SUBNET" ${logOf(lab)}`.replace(
          'add $',
          'add 10.244.0.0/16|$',
        ),
      },
    });
    lab.put('node-b.yaml', { ...peerLease('b', '46'), backendType: 'extension', backendData: 'of b' });
    const node = lab.node();
    const daemon = await node.watch();
    lab.remove('node-b.yaml');
    await becomes(async () => linesOf(logOf(lab)).some((line) => line.startsWith('remove')), true);
    await daemon.stop();
    const own = '10.244.1.0/24|fd00:10:244:1::/64';
    const publicIps = '192.168.10.1|fd00:192:168:10::1';
    const peer = '10.244.0.0/16|10.244.2.0/24|fd00:10:244:2::/64|192.168.10.2|fd00:192:168:10::2|of b';
    expect([...new Set(linesOf(logOf(lab)))].sort()).toEqual([
      `add ${peer}|${own}`,
      `check ${peer}|${own}`,
      `post 10.244.0.0/16|${own}|${publicIps}||${own}`,
      `pre 10.244.0.0/16|||${publicIps}|||`,
      `remove ${peer}|${own}`,
      `shutdown 10.244.0.0/16|${own}|${publicIps}||${own}`,
    ]);
  });

  for (const [name, what] of [
    ['PreStartupCommand', 'does not even ask for a lease'],
    ['PostStartupCommand', 'does not go on'],
  ] as const) {
    labTest(`whose ${name} fails ${what}`, { subnets: 'drawn' }, async (lab) => {
      lab.put('network.yaml', saying(lab, { [name]: 'echo no such luck >&2; exit 3' }));
      const daemon = start(lab);
      const { code, stderr, stdout } = await daemon.ended;
      expect(code).toBe(1);
      expect(stdout + stderr).toContain(`${name} ended with exit code 3: no such luck`);
      const leases = readdirSync(lab.leases).filter((file) => file !== 'network.yaml' && !file.startsWith('.'));
      expect(leases.length > 0).toBe(name === 'PostStartupCommand');
    });
  }

  labTest('ends a command that hangs, and stops at once when it is told to', {}, async (lab) => {
    lab.put('network.yaml', saying(lab, { TimeoutSeconds: 1, SubnetAddCommand: `echo $$ >>${logOf(lab)}; sleep 600` }));
    putPeer(lab, 'b');
    const daemon = start(lab);
    const { error } = await daemon.until('failed');
    expect(error).toMatchObject({ message: 'SubnetAddCommand for 10.244.2.0/24 took longer than 1 s' });
    const runs = linesOf(logOf(lab)).length;
    await becomes(async () => linesOf(logOf(lab)).length > runs, true);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    await becomes(async () => linesOf(logOf(lab)).some((pid) => existsSync(`/proc/${pid}/cmdline`)), false);
  });
});

describe('a hostile lease', () => {
  labTest('never becomes code, or an argument', { timeoutMs: 60_000 }, async (lab) => {
    const mark = join(lab.dir, 'mark');
    lab.put(
      'network.yaml',
      extensionNetwork({
        SubnetAddCommand: [
          'sh',
          '-c',
          `cat >>${logOf(lab)}; test -z "$1" || echo "$#" >>${logOf(lab)}`,
          'x',
          '$SUBNET',
          '$PUBLIC_IP',
        ],
      }),
    );
    const data = [
      `$(touch ${mark})`,
      `'; touch ${mark}; '`,
      `"; touch ${mark} #`,
      `\`touch ${mark}\`\ntouch ${mark}\n`,
      'a\0b',
      'x'.repeat(1 << 20),
    ];
    for (const [i, backendData] of data.entries()) {
      putPeer(lab, String.fromCharCode(98 + i), { backendData, node: `$(touch ${mark})${i}` });
    }
    const daemon = await lab.node().watch();
    expect(daemon.events.filter(({ type }) => type === 'failed')).toEqual([]);
    const written = linesOf(logOf(lab));
    expect(written.filter((line) => line === '2')).toHaveLength(data.length);
    for (const one of data) expect(`${written.join('\n')}\n`).toContain(`${one}\n`.replace(/\n\n/, '\n'));
    expect(existsSync(mark)).toBe(false);
    const text = await lab.node().flan(['plan', '-o', 'ip']);
    expect(text.code).toBe(0);
    expect(existsSync(mark)).toBe(false);
  });
});
