import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { formatIPv4, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type MonitorOptions, MonitorSocket } from '../../src/netlink/monitor.js';
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
} from '../../src/netlink/wire/constants.js';
import { decodeEvent, type RouteEvent } from '../../src/netlink/wire/event.js';
import { routeRequest } from '../../src/netlink/wire/route.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';
import { commandSocket, makeVeth } from './support.js';

const OURS = 70;
const EVERYTHING = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_ROUTE,
];

interface Heard {
  readonly monitor: MonitorSocket;
  readonly words: string[];
  readonly errors: unknown[];
  overruns: number;
}

const say = ({ verb, about, message }: RouteEvent): string => {
  if (about === 'route' || about === 'neighbour' || about === 'rule') return `${verb} ${about} ${message.dst}`;
  if (about === 'link') return `${verb} link ${message.name}`;
  return `${verb} ${about} ${about === 'fdb' ? message.mac : message.address}`;
};

function listen(context: KernelContext, options: Partial<MonitorOptions> = {}): Heard {
  const words: string[] = [];
  const errors: unknown[] = [];
  const heard = { words, errors, overruns: 0 };
  const monitor = MonitorSocket.open({
    netns: context.netns.name,
    groups: EVERYTHING,
    onMessage: (message) => {
      const event = decodeEvent(message);
      if (event !== undefined) words.push(say(event));
    },
    onOverrun: () => heard.overruns++,
    onError: (error) => errors.push(error),
    ...options,
  });
  context.onEnd(() => monitor.close());
  return Object.assign(heard, { monitor });
}

/** Waits for something that will happen; the test's own time-out ends it when it does not. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

kernelTest('what others change is heard, with every family decoded', { needs: ['veth', 'vxlan'] }, async (context) => {
  makeVeth(commandSocket(context));
  const heard = listen(context);
  const { netns } = context;
  await netns.ip('address add 192.168.78.1/24 dev v0');
  await netns.ip('route add 10.1.0.0/24 via 192.168.77.2');
  await netns.ip('route del 10.1.0.0/24');
  await netns.ip('neighbour add 192.168.77.9 lladdr 0e:00:00:00:00:09 dev v0');
  await netns.ip('rule add priority 77 to 10.9.0.0/16 lookup 77');
  await netns.ip('link add x0 type vxlan id 1 dstport 4789');
  await netns.sh('bridge fdb append 0e:00:00:00:00:01 dev x0 dst 192.168.77.8');
  await netns.ip('-6 route add fd00:9::/64 dev v0');
  await netns.ip('link del x0');
  await until(() => heard.words.includes('gone link x0'));
  for (const words of [
    'new address 192.168.78.1',
    'new route 10.1.0.0/24',
    'gone route 10.1.0.0/24',
    'new neighbour 192.168.77.9',
    'new rule 10.9.0.0/16',
    'new link x0',
    'new fdb 0e:00:00:00:00:01',
    'new route fd00:9::/64',
  ]) {
    expect(heard.words).toContain(words);
  }
  expect(heard.errors).toEqual([]);
});

kernelTest('our own changes are not news', { needs: ['veth'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const heard = listen(context, { groups: [RTNLGRP_IPV4_ROUTE], ignorePortIds: new Set([socket.portId]) });
  for (const dst of ['10.1.0.0/24', '10.2.0.0/24'].map(parsePrefix)) {
    socket.perform(routeRequest('add', { dst, oif, protocol: OURS }));
  }
  await context.netns.ip('route add 10.3.0.0/24 dev v0');
  await until(() => heard.words.length > 0);
  expect(heard.words).toEqual(['new route 10.3.0.0/24']);
});

kernelTest(
  'what one socket causes takes no room even in the buffer of a monitor that is deaf to it',
  { needs: ['veth'] },
  async (context) => {
    const socket = commandSocket(context);
    const oif = makeVeth(socket);
    const options = { groups: [RTNLGRP_IPV4_ROUTE], receiveBufferBytes: 8192 };
    const [deaf, hearing] = [listen(context, { ...options, deafTo: socket.portId }), listen(context, options)];
    const all = Array.from({ length: 3000 }, (_, i) => parsePrefix(`${formatIPv4(0x0a000000 + i * 256)}/24`));
    socket.batch(all.map((dst) => routeRequest('add', { dst, oif, protocol: OURS })));
    await context.netns.ip('route add 192.0.2.0/24 dev v0');
    await until(() => deaf.words.length > 0 && hearing.overruns > 0);
    expect(deaf).toMatchObject({ words: ['new route 192.0.2.0/24'], overruns: 0, errors: [] });
  },
);

kernelTest('a flood is reported as an overrun, and what follows is heard', { needs: ['veth'] }, async (context) => {
  const { netns } = context;
  makeVeth(commandSocket(context));
  const heard = listen(context, { receiveBufferBytes: 8192 });
  const lines = Array.from({ length: 3000 }, (_, i) => `route add ${formatIPv4(0x0a000000 + i * 256)}/24 dev v0`);
  for (let storm = 1; storm <= 3; storm++) {
    // Runs while this process waits and reads nothing: what does not fit the buffer is lost.
    const verb = storm % 2 === 1 ? 'add' : 'del';
    const script = lines.map((line) => line.replace('add', verb)).join('\n');
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: script });
    await until(() => heard.overruns >= storm);
    const before = heard.words.length;
    expect(before).toBeLessThan(3000 * storm);
    await netns.ip(`route add 172.16.${storm}.0/24 dev v0`);
    await until(() => heard.words.includes(`new route 172.16.${storm}.0/24`));
  }
  expect(heard.errors).toEqual([]);
});

kernelTest('a callback that throws is told and does not end the monitor', { needs: ['veth'] }, async (context) => {
  makeVeth(commandSocket(context));
  let calls = 0;
  const heard = listen(context, {
    groups: [RTNLGRP_IPV4_ROUTE],
    onMessage: () => {
      calls++;
      throw new Error(`call ${calls}`);
    },
  });
  for (const i of [1, 2, 3]) await context.netns.ip(`route add 10.${i}.0.0/24 dev v0`);
  await until(() => heard.errors.length === 3);
  expect(heard.errors.map(String)).toEqual(['Error: call 1', 'Error: call 2', 'Error: call 3']);
});

kernelTest('closing inside the callback is the end of it', { needs: ['veth'] }, async (context) => {
  makeVeth(commandSocket(context));
  let calls = 0;
  const heard = listen(context, {
    groups: [RTNLGRP_IPV4_ROUTE],
    onMessage: () => {
      calls++;
      heard.monitor.close();
    },
  });
  const lines = Array.from({ length: 50 }, (_, i) => `ip route add 10.${i}.0.0/24 dev v0`).join('\n');
  await context.netns.sh(lines);
  await until(() => calls > 0);
  await sleep(20);
  expect(calls).toBe(1);
  heard.monitor.close();
});

kernelTest('ten thousand events are heard with the usual buffer', { needs: ['veth'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const heard = listen(context);
  const via = parseAddress('192.168.77.2');
  const requests = Array.from({ length: 10_000 }, (_, i) =>
    routeRequest('add', { dst: parsePrefix(`${formatIPv4(0x0a000000 + i * 16)}/28`), via, oif, protocol: OURS }),
  );
  socket.batch(requests); // not one turn of the event loop until all are made
  // The new link itself may have events of its own still to come.
  const ours = () => new Set(heard.words.filter((words) => words.startsWith('new route 10.')));
  await until(() => ours().size >= 10_000 || heard.overruns > 0);
  expect(heard.overruns).toBe(0);
  expect(ours().size).toBe(10_000);
});
