import { openUnixDatagram } from './unix-datagram.js';

/** The service manager that started this process, where it wants to be told how it does. @see sd_notify(3) */
export interface ServiceManager {
  /** How often it expects WATCHDOG=1, in microseconds; undefined when it does not. */
  readonly watchdogUsec: number | undefined;
  /** Sends assignments as one message. Best effort: a manager that does not listen costs nothing but the message. */
  send(assignments: Readonly<Record<string, string | number>>): 'sent' | 'refused';
  close(): void;
}

/**
 * Takes the manager's variables out of `env`, so that tools started later do not speak in our name.
 * @returns undefined when no manager asked to be told
 * @throws {FlanError} E_CONFIG when NOTIFY_SOCKET is no address
 */
export function serviceManager(env: NodeJS.ProcessEnv): ServiceManager | undefined {
  const { NOTIFY_SOCKET: to, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (!to) return undefined;
  const socket = openUnixDatagram(to);
  const isMeant = pid === undefined || Number(pid) === process.pid;
  const watchdogUsec = isMeant && Number(usec) > 0 ? Number(usec) : undefined;
  return {
    watchdogUsec,
    send(assignments) {
      const lines = Object.entries(assignments).map(([name, value]) => `${name}=${String(value).replace(/\s+/g, ' ')}`);
      try {
        socket.send(lines.join('\n'));
        return 'sent';
      } catch {
        return 'refused'; // it may be restarting; the next message may get through
      }
    },
    close: () => socket.close(),
  };
}

/** CLOCK_MONOTONIC in microseconds, which RELOADING=1 has to carry. */
export const monotonicUsec = (): number => Number(process.hrtime.bigint() / 1000n);
