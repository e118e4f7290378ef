import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { FlanError } from '../../errors.js';
import { errnoName } from '../../sys/ffi.js';
import { runTool, type Toolbox } from '../run-tool.js';
import { deviceMissing } from './kernel.js';
import type { WireguardTransport } from './transport.js';
import { badAnswer, errnoOf, GET, setText, stateFrom } from './uapi.js';

/** Where wireguard-go puts its sockets, whatever it is told. */
export const UAPI_FOLDER = '/run/wireguard';

export interface UserspaceOptions extends Toolbox {
  /**
   * Where the sockets are to be seen. Other than `UAPI_FOLDER` it is mounted in its place for wireguard-go alone: nodes
   * in namespaces of one host have devices of the same name.
   */
  readonly folder: string;
  readonly publicKeyOf: (secret: Uint8Array) => string;
}

/** WireGuard in user space: a process per device, which ends when its link is deleted. */
export interface UserspaceWireguard extends WireguardTransport {
  /** Whether a link of that name is one of these, if it is there. */
  serves(dev: string): boolean;
  /** Makes the link, down. @throws {FlanError} */
  start(dev: string, signal: AbortSignal): Promise<void>;
}

/** In a session of its own, so that Ctrl-C at flan does not end the data path too. */
const START = ['--wait', 'env', '-u', 'LOG_LEVEL', '-u', 'WG_PROCESS_FOREGROUND'];
const MOUNTED = 'mkdir -p "$1" "$2"; mount --bind "$1" "$2"; exec wireguard-go "$3"';

export function userspaceWireguard({ folder, publicKeyOf, ...toolbox }: UserspaceOptions): UserspaceWireguard {
  const socketOf = (dev: string): string => join(folder, `${dev}.sock`);
  const launch = (dev: string): readonly string[] =>
    folder === UAPI_FOLDER
      ? [...START, 'wireguard-go', dev]
      : [...START, 'unshare', '--mount', 'sh', '-ec', MOUNTED, 'sh', folder, UAPI_FOLDER, dev];
  return {
    name: 'wireguard-go',
    serves: (dev) => existsSync(socketOf(dev)),
    start: async (dev, signal) => {
      const call = { program: 'setsid', debianPackage: 'util-linux', neededFor: 'WireGuard devices in user space' };
      const answer = await runTool({ ...call, args: launch(dev), children: new Set() }, toolbox, signal);
      if (answer.code === 0) return;
      const why = answer.stderr.trim().split('\n').at(-1) ?? '';
      throw new FlanError('E_SYSTEM', `wireguard-go cannot make ${dev}: ${why || `exit code ${answer.code}`}`, {
        hint: 'Check that /dev/net/tun is there and may be opened.',
        retry: true,
      });
    },
    read: async (dev) => {
      const answer = await ask(dev, { path: socketOf(dev), question: GET });
      return answer === undefined ? undefined : stateFrom(dev, { answer, publicKeyOf });
    },
    write: async (dev, change) => {
      const answer = await ask(dev, { path: socketOf(dev), question: setText(change) });
      if (answer === undefined) throw deviceMissing(dev);
    },
    close: () => undefined,
  };
}

interface Question {
  readonly path: string;
  readonly question: string;
}

/** It answers at once, also when it has thousands of peers. */
const ANSWER_TIMEOUT_MS = 10_000;

/** @returns undefined when nobody listens @throws {FlanError} E_PERMISSION, E_SYSTEM with wireguard-go's errno */
async function ask(dev: string, { path, question }: Question): Promise<string | undefined> {
  const answer = await new Promise<string | undefined>((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => socket.write(question));
    const timer = setTimeout(() => {
      reject(noAnswer(dev));
      socket.destroy();
    }, ANSWER_TIMEOUT_MS);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (errnoOf(text.slice(-32)) !== undefined) socket.end(() => resolve(text));
    });
    socket.on('close', () => {
      clearTimeout(timer);
      reject(badAnswer(dev));
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      const { code = '' } = cause;
      if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve(undefined);
      else {
        const denied = code === 'EACCES' || code === 'EPERM';
        const hint = denied ? 'Run as root.' : undefined;
        reject(
          new FlanError(denied ? 'E_PERMISSION' : 'E_SYSTEM', `${path}: ${code}`, { hint, retry: !denied, cause }),
        );
      }
    });
  });
  const errno = answer === undefined ? 0 : errnoOf(answer.slice(-32));
  if (errno === 0) return answer;
  throw new FlanError('E_SYSTEM', `wireguard-go refused a change of ${dev}: ${errnoName(Math.abs(errno ?? 0))}`, {
    hint: 'Check that nothing else listens on its UDP port.',
  });
}

const noAnswer = (dev: string): FlanError =>
  new FlanError('E_SYSTEM', `wireguard-go of ${dev} did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`, {
    hint: 'If this goes on, end that process: flan starts another.',
    retry: true,
  });
