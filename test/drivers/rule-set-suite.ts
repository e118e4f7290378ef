import { describe, expect } from 'vitest';
import type { Notice } from '../../src/drivers/driver.js';
import { FlanError } from '../../src/errors.js';
import { kernelTest } from '../support/kernel.js';
import type { TestNetns } from '../support/netns.js';
import { type HostOptions, type Mode, programDirectory, trafficHost, until, wanted } from './traffic-host.js';

export interface Suite {
  readonly name: string;
  readonly mode: Mode;
  /** Which programs to find, if not the usual ones. */
  readonly searchPath?: string;
  /** Shell commands that make rules of others beside ours, before we come. */
  readonly foreign: string;
  /** Lists what belongs to others: with every word, so that any change shows. */
  readonly listForeign: string;
  /** Lists what is ours, in this mode; prints nothing when there is nothing. */
  readonly listOurs: string;
  /** Ways to spoil our rules by hand, IPv4. */
  readonly damage: Readonly<Record<string, string>>;
  /** Wipes all rules of the mode's tool, IPv4 at least. */
  readonly flush: string;
  /** The program that the kernel names as the culprit; absent where it tells nothing. */
  readonly culprit?: RegExp;
}

/** What every driver of rules must do, on a real kernel. */
export function ruleSetSuite(suite: Suite): void {
  const { mode } = suite;
  const needs = ['nft', 'iptables', 'ip6tables', 'ipv6'] as const;
  const hostIn = (netns: TestNetns, onEnd: (cleanUp: () => unknown) => void, extra: Partial<HostOptions> = {}) => {
    const host = trafficHost({ netns, searchPath: suite.searchPath, legacyPollMs: 40, ...extra });
    onEnd(() => host.close());
    return host;
  };

  describe(suite.name, () => {
    kernelTest('applied twice: the second time nothing changes', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn(netns, onEnd);
      host.want(wanted(mode));
      expect((await host.reconcile()).steps.map(({ action }) => action)).toEqual(['create', 'create']);
      expect(await host.plan()).toEqual({ steps: [], conflicts: [], unchanged: 2 });
      const fresh = hostIn(netns, onEnd);
      fresh.want(wanted(mode));
      expect(await fresh.plan()).toEqual({ steps: [], conflicts: [], unchanged: 2 });
    });

    kernelTest('every switch leads from and to every other, in place', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn(netns, onEnd);
      const wishes = [
        {},
        { forward: false },
        { masquerade: false },
        { fullyRandom: false },
        { exclude: ['192.0.2.9/32'] },
      ];
      for (const wish of [...wishes, ...wishes.toReversed()]) {
        host.want(wanted(mode, wish as object));
        await host.reconcile();
        expect((await host.plan()).steps).toEqual([]);
      }
    });

    kernelTest('rules of others stay as they are, byte by byte', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn(netns, onEnd);
      await netns.sh(suite.foreign);
      const before = await netns.sh(suite.listForeign);
      expect(before).toMatch(/./);
      host.want(wanted(mode));
      await host.reconcile();
      expect(await netns.sh(suite.listForeign)).toBe(before);
      host.want(wanted(mode, { fullyRandom: false }));
      await host.reconcile();
      expect(await netns.sh(suite.listForeign)).toBe(before);
      host.want([]);
      await host.reconcile();
      expect(await netns.sh(suite.listForeign)).toBe(before);
    });

    kernelTest('removal leaves nothing of ours', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn(netns, onEnd);
      host.want(wanted(mode));
      await host.reconcile();
      expect(await netns.sh(suite.listOurs)).not.toBe('');
      host.want([]);
      expect((await host.reconcile()).steps.map(({ action }) => action)).toEqual(['delete', 'delete']);
      expect(await netns.sh(suite.listOurs)).toBe('');
      expect((await host.plan()).steps).toEqual([]);
    });

    kernelTest('the other mode cleans up what this one left', { needs }, async ({ netns, onEnd }) => {
      const other = mode === 'nftables' ? 'iptables' : 'nftables';
      const host = hostIn(netns, onEnd);
      host.want(wanted(mode));
      await host.reconcile();
      host.want(wanted(other));
      const { steps } = await host.reconcile();
      // Make before break: packets are never without rules.
      expect(steps.map(({ action }) => action)).toEqual(['create', 'create', 'delete', 'delete']);
      expect(await netns.sh(suite.listOurs)).toBe('');
      expect((await host.plan()).steps).toEqual([]);
    });

    for (const [what, command] of Object.entries(suite.damage)) {
      kernelTest(`noticed and repaired: ${what}`, { needs }, async ({ netns, onEnd }) => {
        const host = hostIn(netns, onEnd);
        host.want(wanted(mode));
        await host.reconcile();
        const healthy = await netns.sh(suite.listOurs);
        await netns.sh(command);
        expect((await host.plan()).steps).toMatchObject([{ action: 'update' }]);
        await host.reconcile();
        expect((await host.plan()).steps).toEqual([]);
        expect(await netns.sh(suite.listOurs)).toBe(healthy);
      });
    }

    kernelTest(
      'followed: a flush is told and healed, and our own writes are not told',
      { needs },
      async ({ netns, onEnd }) => {
        const host = hostIn(netns, onEnd);
        const notices: Notice[] = [];
        host.want(wanted(mode));
        await host.follow(mode, (notice) => notices.push(notice));
        await host.reconcile();
        for (const round of [1, 2, 3]) {
          await netns.sh(suite.flush);
          await until(() => notices.length >= round);
          expect(notices.at(-1)?.type).toMatch(/seen|gone/);
          if (suite.culprit) expect(notices.at(-1)).toMatchObject({ by: expect.stringMatching(suite.culprit) });
          await host.reconcile();
          expect((await host.plan()).steps).toEqual([]);
          // Both families may have been told: what counts is that a round tells of its own flush only.
          notices.length = round;
        }
        await new Promise((resolve) => setTimeout(resolve, 150));
        expect(notices).toHaveLength(3);
      },
    );

    kernelTest(
      'the program is missing: an error that says what to do, for this mode only',
      { needs },
      async ({ netns, onEnd }) => {
        const empty = programDirectory();
        onEnd(empty.close);
        const host = hostIn(netns, onEnd, { searchPath: empty.path });
        host.want(wanted(mode));
        const error = await host.plan().catch((cause: unknown) => cause);
        expect(error).toBeInstanceOf(FlanError);
        expect(error).toMatchObject({ code: 'E_TOOL_MISSING', hint: expect.stringContaining(`package ${mode}`) });
        host.want([]);
        expect(await host.plan()).toEqual({ steps: [], conflicts: [], unchanged: 0 });
        await host.follow('iptables', () => undefined);
      },
    );

    kernelTest('without privilege: E_PERMISSION', { needs }, async ({ netns, onEnd }) => {
      const programs = programDirectory();
      onEnd(programs.close);
      const directory = suite.searchPath ?? '/usr/sbin';
      for (const name of ['nft', 'iptables', 'iptables-save', 'ip6tables-save']) {
        programs.script(name, `exec setpriv --reuid=65534 --regid=65534 --clear-groups ${directory}/${name} "$@"`);
      }
      const host = hostIn(netns, onEnd, { searchPath: `${programs.path}:/usr/bin:/bin` });
      host.want(wanted(mode));
      const error = await host.drivers[mode].observe(host.scope(), host.signal).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'E_PERMISSION', hint: expect.stringContaining('root') });
    });

    kernelTest('a namespace that is not there: E_NETNS', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn({ ...netns, name: `${netns.name}-not` }, onEnd);
      await expect(host.plan()).rejects.toMatchObject({ code: 'E_NETNS' });
    });

    kernelTest('an aborted signal stops the work and leaves whole rules', { needs }, async ({ netns, onEnd }) => {
      const host = hostIn(netns, onEnd);
      host.want(wanted(mode));
      const { steps } = await host.plan();
      const stop = new AbortController();
      const work = host.drivers[mode].perform(steps, stop.signal);
      stop.abort(new Error('enough'));
      await expect(work).rejects.toThrow('enough');
      await host.reconcile();
      expect((await host.plan()).steps).toEqual([]);
    });
  });
}
