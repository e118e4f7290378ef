import { describe, expect, it } from 'vitest';
import {
  alive,
  checksText,
  isWell,
  ready,
  STALL_LIMIT_MS,
  UNHEARD_LIMIT_MS,
  type Vitals,
} from '../../src/telemetry/health.js';

const WELL: Vitals = { stalledMs: 0, unheardMs: 0, condition: { state: 'works' } };

describe('alive', () => {
  it('is who works off what is due and hears the kernel', () => {
    expect(isWell(alive(WELL))).toBe(true);
    expect(isWell(alive({ ...WELL, stalledMs: STALL_LIMIT_MS, unheardMs: UNHEARD_LIMIT_MS }))).toBe(true);
  });

  it('is not who is stuck, or deaf, and says which', () => {
    expect(checksText(alive({ ...WELL, stalledMs: 61_000 }))).toBe(
      '[-] reconcile: no work got done for 61 s\n[+] kernel events: heard\nfailed\n',
    );
    expect(checksText(alive({ ...WELL, unheardMs: 90_000 }))).toBe(
      '[+] reconcile: nothing is overdue\n[-] kernel events: no echo of the kernel for 90 s\nfailed\n',
    );
  });

  it('is who waits for a store: a restart would not bring it nearer', () => {
    expect(isWell(alive({ ...WELL, idle: 'waiting: etcd is away', stalledMs: 1e9, unheardMs: 1e9 }))).toBe(true);
  });
});

describe('ready', () => {
  it('is who does its part', () => expect(isWell(ready(WELL))).toBe(true));

  it('is not who waits, or cannot', () => {
    expect(checksText(ready({ ...WELL, idle: 'starting' }))).toBe('[-] ready: starting\nfailed\n');
    const broken = { ...WELL, condition: { state: 'broken', why: 'the own lease has expired' } } as const;
    expect(checksText(ready(broken))).toBe('[-] ready: the own lease has expired\nfailed\n');
  });
});
