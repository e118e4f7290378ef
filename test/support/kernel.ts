import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'vitest';
import { makeNetns, type TestNetns } from './netns.js';

/** What a test needs of the kernel and of the machine beyond network namespaces. */
export type Need =
  | 'veth'
  | 'vxlan'
  | 'ipip'
  | 'wireguard'
  | 'wg'
  | 'bridge'
  | 'tun'
  | 'ipv6'
  | 'nft'
  | 'iptables'
  | 'ip6tables'
  | 'charon'
  | 'esp';

export interface KernelContext {
  /** A fresh namespace, gone when the test ends, however it ends. */
  readonly netns: TestNetns;
  /** One more of them. */
  readonly makeNetns: (hint?: string) => TestNetns;
  /** Runs when the test ends, last registered first, before the namespaces go. */
  readonly onEnd: (cleanUp: () => unknown) => void;
}

export interface KernelTestOptions {
  readonly needs?: readonly Need[];
  readonly timeoutMs?: number;
}

/**
 * A test against the running kernel. Where it cannot run it is skipped and says why, on stderr too; with
 * FLAN_REQUIRE_KERNEL=1 it fails instead, so that no machine skips unnoticed.
 */
export function kernelTest(
  name: string,
  { needs = [], timeoutMs = 30_000 }: KernelTestOptions,
  action: (context: KernelContext) => Promise<void> | void,
): void {
  test(name, { timeout: timeoutMs }, async (context) => {
    const missing = whyNot(needs);
    if (missing !== undefined) return refuse(context, { name, missing });
    const made: TestNetns[] = [];
    const cleanUps: (() => unknown)[] = [];
    const make = (hint?: string): TestNetns => {
      const netns = makeNetns(hint);
      made.push(netns);
      return netns;
    };
    try {
      await action({ netns: make(), makeNetns: make, onEnd: (cleanUp) => cleanUps.push(cleanUp) });
    } finally {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
      for (const netns of made) netns.close();
    }
  });
}

function refuse(context: TestContext, { name, missing }: { name: string; missing: string }): void {
  if (process.env.FLAN_REQUIRE_KERNEL === '1') throw new Error(`cannot run here: ${missing}`);
  process.stderr.write(`SKIPPED ${name}: ${missing}\n`);
  context.skip(missing);
}

const answers = new Map<Need | 'netns', string | undefined>();

/** The first thing that is missing, in words. Found out by trying, once per process. */
export function whyNot(needs: readonly Need[]): string | undefined {
  for (const need of ['netns', ...needs] as const) {
    if (!answers.has(need)) answers.set(need, need === 'netns' ? tryNetns() : tryNeed(need));
    const answer = answers.get(need);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function tryNetns(): string | undefined {
  try {
    makeNetns('probe').close();
    return undefined;
  } catch (error) {
    return `no network namespace can be made (root is needed): ${firstLine(error)}`;
  }
}

/** Commands that succeed where the feature is there, run in a namespace of their own. */
const PROBES: Readonly<Record<Need, string>> = {
  veth: 'ip link add v0 type veth peer name v1',
  vxlan: 'ip link add x0 type vxlan id 1 dstport 4789',
  ipip: 'ip link add t0 type ipip remote 192.0.2.1 local 192.0.2.2',
  wireguard: 'ip link add w0 type wireguard',
  // wg(8), and either the kernel's WireGuard or the one that runs as a process.
  wg: 'command -v wg && { ip link add w0 type wireguard || { command -v wireguard-go && test -w /dev/net/tun; }; }',
  bridge: 'ip link add b0 type bridge',
  tun: 'ip tuntap add dev u0 mode tun',
  ipv6: 'test -e /proc/sys/net/ipv6/conf/lo/disable_ipv6 && ip -6 route show',
  nft: 'nft add table inet probe',
  iptables: 'iptables -t nat -N PROBE',
  ip6tables: 'ip6tables -t nat -N PROBE',
  // With what speaks VICI, and with the algorithms that flannel's nodes agree on.
  charon:
    'd=/usr/lib/ipsec; test -x $d/charon && command -v swanctl && test -e $d/plugins/libstrongswan-vici.so && ' +
    'test -e $d/plugins/libstrongswan-gcm.so',
  esp:
    'ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 reqid 1 mode tunnel ' +
    "aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128",
};

function tryNeed(need: Need): string | undefined {
  const netns = makeNetns('probe');
  try {
    execFileSync('ip', ['netns', 'exec', netns.name, 'sh', '-ec', PROBES[need]], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no ${need} here: ${firstLine(error)}`;
  } finally {
    netns.close();
  }
}

function firstLine(error: unknown): string {
  const stderr = (error as { stderr?: Buffer }).stderr?.toString().trim();
  return (stderr || String(error)).split('\n')[0] ?? '';
}
