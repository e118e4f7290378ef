import { type Call, runTool } from '../../drivers/run-tool.js';
import { FlanError } from '../../errors.js';

/** Commands whose output says how the host's network is; each only reads. `wg show` hides keys, `wg show all dump` does not. */
export const TOOLS: readonly (readonly [file: string, command: string])[] = [
  ['ip-address', 'ip -d address show'],
  ['ip-route-4', 'ip -N -4 route show table all'],
  ['ip-route-6', 'ip -N -6 route show table all'],
  ['ip-rule-4', 'ip -N -4 rule show'],
  ['ip-rule-6', 'ip -N -6 rule show'],
  ['ip-neighbour', 'ip -N -s neighbour show'],
  ['bridge-fdb', 'bridge -s fdb show'],
  ['link-counters', 'ip -s -s link show'],
  ['sockets', 'ss -anu'],
  ['nft-ruleset', 'nft list ruleset'],
  ['iptables', 'iptables-save -c'],
  ['ip6tables', 'ip6tables-save -c'],
  ['wireguard', 'wg show all'],
  ['ipsec-policies', 'ip xfrm policy'],
  ['uname', 'uname -a'],
  ['journal', 'journalctl --no-pager -n 1000 -u flan -u flanneld -u systemd-networkd'],
];

/** The same of the charon that listens at a socket. Neither tells keys. */
export const charonTools = (socket: string): typeof TOOLS => [
  ['ipsec-sas', `swanctl --list-sas --uri unix://${socket}`],
  ['ipsec-connections', `swanctl --list-conns --uri unix://${socket}`],
];

const TIMEOUT_MS = 15_000;

export interface ToolInput {
  readonly command: string;
  readonly netns: string | undefined;
  readonly signal: AbortSignal;
}

/** What a command prints, its complaints too. @throws {FlanError} E_TOOL_MISSING; what the signal says */
export async function outputOf({ command, netns, signal }: ToolInput): Promise<string> {
  const [program = '', ...args] = command.split(' ');
  const call: Call = {
    program,
    args,
    debianPackage: 'of that name',
    neededFor: 'a dump of the host',
    children: new Set(),
  };
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const { code, stdout, stderr } = await runTool(call, { netns }, AbortSignal.any([signal, timeout]));
    return [`$ ${command}\n`, stdout, stderr, code === 0 ? '' : `exit code ${code}\n`].join('');
  } catch (cause) {
    if (!timeout.aborted || signal.aborted) throw cause;
    throw new FlanError('E_SYSTEM', `${command} took longer than ${TIMEOUT_MS / 1000} s`, { cause });
  }
}
