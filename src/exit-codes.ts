import type { ErrorCode, FlanError } from './errors.js';

/** What the process says to its caller. The numbers from 64 on are those of sysexits.h, from 128 on 128 + signal. */
export const EXIT = {
  ok: 0,
  error: 1,
  /** `--detailed-exitcode`, `diff` and `fmt --check`: changes are pending. */
  changes: 2,
  planStale: 3,
  rolledBack: 4,
  notRolledBack: 5,
  confirmExpired: 6,
  partial: 7,
  declined: 8,
  leaseLost: 9,
  usage: 64,
  data: 65,
  unavailable: 69,
  locked: 75,
  noPermission: 77,
  config: 78,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;
export type ExitCode = (typeof EXIT)[ExitName];

/** One line per exit code, for `--help`, the man pages and docs/errors.md. */
export const EXIT_MEANING: Readonly<Record<ExitName, string>> = {
  ok: 'Success; with --detailed-exitcode: nothing to change',
  error: 'Failure of a kind that has no code of its own',
  changes: 'Changes are pending (diff; plan with --detailed-exitcode; fmt --check)',
  planStale: 'The saved plan no longer fits the host or the leases',
  rolledBack: 'Applied, found wrong (a change, the verification or a probe failed), and rolled back',
  notRolledBack: 'Applied, found wrong, and not rolled back, or not wholly',
  confirmExpired: 'Nobody confirmed in time: rolled back',
  partial: 'Some changes failed, the others are in place',
  declined: 'The answer at the prompt was no, or a flag that says that it is meant is missing',
  leaseLost: 'Another node holds the lease now',
  usage: 'The command line is wrong',
  data: 'A lease, a plan or another input is malformed',
  unavailable: 'The lease store or the cloud cannot be reached',
  locked: 'Another flan is changing this host: try again',
  noPermission: 'The kernel, a file, the lease store or the cloud refused permission',
  config: 'The configuration is missing or wrong',
  interrupted: 'Interrupted (SIGINT)',
  terminated: 'Terminated (SIGTERM)',
};

/** Every error code by the exit code it ends the process with. A code that stands here is documented. */
const ERRORS: Readonly<Partial<Record<ExitName, readonly ErrorCode[]>>> = {
  error: [
    'E_BUG',
    'E_BACKEND',
    'E_BLOCKED',
    'E_CHARON',
    'E_CHECKPOINT',
    'E_CLOSED',
    'E_CLOUD_LAG',
    'E_CLOUD_PROTOCOL',
    'E_CLOUD_QUOTA',
    'E_CLOUD_REFUSED',
    'E_CONFLICT',
    'E_DUMP',
    'E_EXISTS',
    'E_EXTENSION',
    'E_FILE',
    'E_IDENTITY',
    'E_IPTABLES',
    'E_LEASE_MISSING',
    'E_LINK_MISSING',
    'E_LISTEN',
    'E_LOCK',
    'E_NETLINK',
    'E_NETNS',
    'E_NFTABLES',
    'E_PLATFORM',
    'E_PROTECTED',
    'E_RACE',
    'E_STORE_CLOSED',
    'E_STORE_PROTOCOL',
    'E_STORE_REFUSED',
    'E_SUBNETS_EXHAUSTED',
    'E_SUBNET_TAKEN',
    'E_SYSCTL',
    'E_SYSTEM',
    'E_TIMEOUT',
    'E_TIMER',
    'E_TOOL_MISSING',
    'E_UNSUPPORTED',
    'E_WATCH',
  ],
  planStale: ['E_PLAN_STALE'],
  rolledBack: ['E_ROLLED_BACK'],
  notRolledBack: ['E_VERIFY'],
  confirmExpired: ['E_CONFIRM_EXPIRED'],
  partial: ['E_PARTIAL'],
  declined: ['E_DECLINED', 'E_MASS_DELETE', 'E_RISK'],
  leaseLost: ['E_LEASE_LOST'],
  usage: ['E_USAGE', 'E_NO_TTY'],
  data: ['E_ADDRESS', 'E_DATA', 'E_DECODE', 'E_FORMAT', 'E_LEASE', 'E_PLAN_FILE'],
  unavailable: ['E_CLOUD_THROTTLED', 'E_CLOUD_UNREACHABLE', 'E_STORE_UNREACHABLE'],
  locked: ['E_LOCKED', 'E_PENDING_CONFIRM'],
  noPermission: ['E_CLOUD_AUTH', 'E_CLOUD_PERMISSION', 'E_PERMISSION', 'E_STORE_AUTH', 'E_STORE_PERMISSION'],
  config: [
    'E_CONFIG',
    'E_IFACE',
    'E_NETWORK_CONFIG',
    'E_NETWORK_MISSING',
    'E_NETWORK_OVERLAP',
    'E_NODE_MISSING',
    'E_NODE_VERSION',
    'E_POD_CIDR',
  ],
  interrupted: ['E_INTERRUPTED'],
  terminated: ['E_TERMINATED'],
};

/** The exit code of every documented error. */
export const EXIT_OF_ERROR: Readonly<Record<ErrorCode, ExitName>> = Object.fromEntries(
  Object.entries(ERRORS).flatMap(([name, codes]) => codes.map((code) => [code, name as ExitName])),
);

export const exitCodeOf = (error: FlanError): ExitCode => EXIT[EXIT_OF_ERROR[error.code] ?? 'error'];
