import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MonitorSocket } from '../../src/netlink/monitor.js';
import { DecodeError } from '../../src/netlink/wire/decode-error.js';
import {
  decodeNfTablesEvent,
  NETLINK_NETFILTER,
  NFNLGRP_NFTABLES,
  type NfTablesEvent,
} from '../../src/netlink/wire/nf-tables.js';
import { kernelTest } from '../support/kernel.js';
import { until } from './traffic-host.js';

kernelTest(
  'every change says its table and chain, every transaction its maker',
  { needs: ['nft'] },
  async ({ netns, onEnd }) => {
    const events: NfTablesEvent[] = [];
    const monitor = MonitorSocket.open({
      netns: netns.name,
      protocol: NETLINK_NETFILTER,
      groups: [NFNLGRP_NFTABLES],
      onMessage: (message) => {
        const event = decodeNfTablesEvent(message);
        if (event) events.push(event);
      },
      onOverrun: () => undefined,
      onError: (error) => {
        throw error;
      },
    });
    onEnd(() => monitor.close());
    const generations = () => events.filter(({ type }) => type === 'generation').length;
    await netns.sh(
      "nft 'add table ip6 t; add chain ip6 t c; add set ip6 t s { type ipv6_addr; }; add rule ip6 t c accept'",
    );
    await until(() => generations() === 1);
    const change = { type: 'change', family: 10, table: 't' };
    const generation = { type: 'generation', id: expect.any(Number), program: 'nft', pid: expect.any(Number) };
    expect(events.splice(0)).toEqual([
      change,
      { ...change, chain: 'c' },
      change,
      { ...change, chain: 'c' },
      generation,
    ]);
    await netns.sh('nft flush ruleset');
    await until(() => generations() === 1);
    expect(events.filter((event) => event.type === 'change' && event.table !== 't')).toEqual([]);
    expect(events).toContainEqual(change);
    expect(events.at(-1)).toEqual(generation);
  },
);

test('whatever the bytes: an event, nothing, or a DecodeError', () => {
  const nfTables = fc.integer({ min: 0, max: 40 }).map((command) => 0x0a00 + command);
  fc.assert(
    fc.property(
      fc.oneof(nfTables, fc.integer({ min: 0, max: 65_535 })),
      fc.uint8Array({ maxLength: 64 }),
      (type, bytes) => {
        try {
          decodeNfTablesEvent({ type, flags: 0, seq: 0, portId: 0, bytes, offset: 0, length: bytes.length });
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      },
    ),
    { numRuns: 5_000 },
  );
});
