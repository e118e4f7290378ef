import { type ExtensionCommand, invocationOf, type Variables } from '../kinds/extension-command.js';
import { type ExtensionPeer, peerVariables } from '../kinds/extension-peer.js';
import type { ExtensionStartup } from '../kinds/extension-startup.js';
import { printable } from './printable.js';

interface Run {
  readonly command: ExtensionCommand | undefined;
  readonly variables: Variables;
  readonly stdin: string;
}

type Verb = 'add' | 'replace' | 'del';

export const startupCommands = (verb: Verb, { post, shutdown, variables }: ExtensionStartup): string[] =>
  runCommands({ command: verb === 'del' ? shutdown : post, variables, stdin: '' });

export const peerCommands = (verb: Verb, peer: ExtensionPeer): string[] =>
  runCommands({ command: verb === 'del' ? peer.remove : peer.add, variables: peerVariables(peer), stdin: peer.data });

function runCommands({ command, variables, stdin }: Run): string[] {
  const invocation = command && invocationOf(command, variables);
  if (invocation === undefined) return ['# no command is configured for this'];
  const values = Object.entries(variables)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${word(value)}`);
  const words = [invocation.program, ...invocation.args].map(word);
  return [`printf '%s\\n' ${word(stdin)} | env ${[...values, ...words].join(' ')}`];
}

/** One word of POSIX shell, whatever the text holds, that shows on a terminal as it is. */
function word(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (printable(text.replaceAll('\n', '')) === text.replaceAll('\n', '')) return `'${text.replaceAll("'", `'\\''`)}'`;
  const bytes = [...new TextEncoder().encode(text)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`);
  return `"$(printf %b '${bytes.join('')}')"`;
}
