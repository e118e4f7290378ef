import type { ErrorCode, FlanError } from './errors.js';

/** What the process says to its caller. The numbers from 64 on are those of sysexits.h, from 128 on 128 + signal. */
export const EXIT = {
  ok: 0,
  error: 1,
  /** `--detailed-exitcode` and `diff`: changes are pending. */
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
  changes: 'With --detailed-exitcode: changes are pending',
  planStale: 'The saved plan no longer fits the host or the leases',
  rolledBack: 'Applied, found wrong on verification, and rolled back',
  notRolledBack: 'Applied, found wrong on verification, and not rolled back',
  confirmExpired: 'Nobody confirmed in time: rolled back',
  partial: 'Some changes failed, the others are in place',
  declined: 'The answer at the prompt was no',
  leaseLost: 'Another node holds the lease now',
  usage: 'The command line is wrong',
  data: 'A lease, a plan or another input is malformed',
  unavailable: 'The lease store cannot be reached',
  locked: 'Another flan is changing this host: try again',
  noPermission: 'The kernel, a file or the lease store refused permission',
  config: 'The configuration is missing or wrong',
  interrupted: 'Interrupted (SIGINT)',
  terminated: 'Terminated (SIGTERM)',
};

/** The exit code of every error that has one of its own; all others end with `error`. */
export const EXIT_OF_ERROR: Readonly<Record<ErrorCode, ExitName>> = {
  E_BUG: 'error',
  E_PLAN_STALE: 'planStale',
  E_ROLLED_BACK: 'rolledBack',
  E_VERIFY: 'notRolledBack',
  E_CONFIRM_EXPIRED: 'confirmExpired',
  E_PARTIAL: 'partial',
  E_DECLINED: 'declined',
  E_LEASE_LOST: 'leaseLost',
  E_USAGE: 'usage',
  E_NO_TTY: 'usage',
  E_DATA: 'data',
  E_LEASE: 'data',
  E_PLAN_FILE: 'data',
  E_STORE_UNREACHABLE: 'unavailable',
  E_LOCKED: 'locked',
  E_PERMISSION: 'noPermission',
  E_STORE_AUTH: 'noPermission',
  E_STORE_PERMISSION: 'noPermission',
  E_CONFIG: 'config',
  E_NETWORK_CONFIG: 'config',
  E_NETWORK_MISSING: 'config',
  E_IFACE: 'config',
  E_INTERRUPTED: 'interrupted',
  E_TERMINATED: 'terminated',
};

export const exitCodeOf = (error: FlanError): ExitCode => EXIT[EXIT_OF_ERROR[error.code] ?? 'error'];
