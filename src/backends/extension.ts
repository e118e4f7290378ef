import {
  COMMAND_NAMES,
  type ExtensionCommand,
  type ExtensionCommands,
  faultOf,
  shellTalkIn,
  UNTRUSTED,
  type Variables,
} from '../kinds/extension-command.js';
import { extensionPeer } from '../kinds/extension-peer.js';
import type { ExtensionStartup } from '../kinds/extension-startup.js';
import { KNOWN_AFTER_APPLY } from '../kinds/lease.js';
import type { Json } from '../model/json.js';
import { type Lease, stackOf, stacks } from '../model/lease.js';
import { familiesOf, type Network, networksOf } from '../model/network.js';
import { type OptionReader, optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import { type Backend, type BackendContext, overlayMtu } from './backend.js';

export interface ExtensionOptions {
  readonly commands: ExtensionCommands;
  /** How long a command may take. */
  readonly timeoutMs: number;
  /** What the commands' tunnel takes from the MTU; flannel knows of none. */
  readonly overheadBytes: number;
}

type Context = BackendContext<ExtensionOptions>;

const MAX_SECONDS = 3600;
const DEFAULT_SECONDS = 30;
const MAX_OVERHEAD_BYTES = 1000;

/** Commands of the operator's carry the packets: flan only says when, and with which values. */
export const extension: Backend<ExtensionOptions> = {
  type: 'extension',
  publishedType: 'extension',
  families: [4, 6],
  remembers: false,
  usesLookups: () => false,

  optionNames: [...Object.values(COMMAND_NAMES), 'Shell', 'TimeoutSeconds', 'OverheadBytes'],
  options: (raw) => {
    const read = optionReader({ raw, path: 'Backend' });
    const shell = read.boolean('Shell') ?? false;
    const command = (name: string) => commandOf({ read, name, shell });
    return {
      commands: {
        pre: command(COMMAND_NAMES.pre),
        post: command(COMMAND_NAMES.post),
        startupCheck: command(COMMAND_NAMES.startupCheck),
        add: command(COMMAND_NAMES.add),
        remove: command(COMMAND_NAMES.remove),
        check: command(COMMAND_NAMES.check),
        shutdown: command(COMMAND_NAMES.shutdown),
      },
      timeoutMs: (read.integer('TimeoutSeconds', { min: 1, max: MAX_SECONDS }) ?? DEFAULT_SECONDS) * 1000,
      overheadBytes: read.integer('OverheadBytes', { min: 0, max: MAX_OVERHEAD_BYTES }) ?? 0,
    };
  },

  overheadBytes: ({ options }) => options.overheadBytes,

  // As flannel does it, which knows only one BackendData: a dual-stack lease says it once, with its IPv4 half.
  advertise: ({ network, options, startupOutput }) => {
    const [family] = familiesOf(network);
    if (options.commands.pre === undefined || family === undefined) return {};
    return { [family]: startupOutput ?? KNOWN_AFTER_APPLY };
  },

  local: (context) => {
    const { own, network, options } = context;
    if (own === undefined || !hasStartup(options)) return [];
    const { post, shutdown } = options.commands;
    const startup: ExtensionStartup = {
      kind: 'extension-startup',
      network: extensionNetwork(network),
      ...(post && { post }),
      ...(shutdown && { shutdown }),
      variables: startupVariables(context),
      state: 'applied',
    };
    return [startup];
  },

  peer: (context, lease) => {
    const { network, own, options } = context;
    const { add, remove } = options.commands;
    const halves = stacks(lease).filter(({ family }) => context.external[family] !== undefined);
    if ((add === undefined && remove === undefined) || halves.length === 0) return [];
    const [v4, v6] = [halves.find(({ family }) => family === 4), halves.find(({ family }) => family === 6)];
    return [
      extensionPeer({
        network: extensionNetwork(network),
        ...(v4 && { subnet: v4.subnet, publicIp: v4.publicIp }),
        ...(v6 && { ipv6Subnet: v6.subnet, publicIpv6: v6.publicIp }),
        data: textOf(lease.ipv4?.backendData ?? lease.ipv6?.backendData),
        variables: ownVariables(context),
        ...(add && { add }),
        ...(remove && { remove }),
        afterStartup: own !== undefined && hasStartup(options),
      }),
    ];
  },

  check: ({ options }) => shellWarnings(options),
  checkPeer: () => [],
};

const hasStartup = ({ commands: { pre, post, shutdown } }: ExtensionOptions): boolean =>
  pre !== undefined || post !== undefined || shutdown !== undefined;

/** What tells one cluster's commands from another's on the same host. */
export const extensionNetwork = (network: Network): string => networksOf(network)[0] ?? '';

/** flannel's data is a string; a peer's that is something else is told as JSON. */
const textOf = (data: Json | undefined): string =>
  typeof data === 'string' ? data : data === undefined || data === null ? '' : JSON.stringify(data);

interface CommandInput {
  readonly read: OptionReader;
  readonly name: string;
  readonly shell: boolean;
}

function commandOf({ read, name, shell }: CommandInput): ExtensionCommand | undefined {
  const value = read.json(name);
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) return undefined;
  const run = typeof value === 'string' ? value : Array.isArray(value) ? read.list(name) : undefined;
  if (run === undefined) throw read.refuse(name, 'must be a command line, or a list of a program and its arguments');
  const command: ExtensionCommand = { run, shell: shell && typeof run === 'string' };
  const fault = faultOf(command);
  if (fault !== undefined) throw read.refuse(name, fault, HINT);
  return command;
}

const HINT = `Correct it, or set Backend.Shell to true and use "$${UNTRUSTED}", or standard input, in the language of sh.`;

/** flannel ran its commands by sh until 0.28.1, and its documents still show such. */
function shellWarnings({ commands }: ExtensionOptions): Warning[] {
  return Object.entries(commands).flatMap(([name, command]: [string, ExtensionCommand | undefined]): Warning[] => {
    const found = command && shellTalkIn(command);
    if (found === undefined) return [];
    return [
      {
        code: 'W_EXTENSION_SHELL',
        message: `Backend.${COMMAND_NAMES[name as keyof ExtensionCommands]} has '${found}' in it: no shell reads the command, and $VARIABLES in it are replaced before anybody does`,
        hint: 'Set Backend.Shell to true for commands in the language of sh, or put it in quotes.',
      },
    ];
  });
}

/** What every command is told of this node. An empty value says that there is none. */
export function ownVariables(context: Context): Variables {
  const { network, external, own } = context;
  return {
    NETWORK: network.ipv4?.network ?? '',
    IPV6NETWORK: network.ipv6?.network ?? '',
    OWN_SUBNET: own?.ipv4?.subnet ?? '',
    OWN_IPV6SUBNET: own?.ipv6?.subnet ?? '',
    OWN_PUBLIC_IP: external[4]?.publicIp ?? '',
    OWN_PUBLIC_IPV6: external[6]?.publicIp ?? '',
    OWN_INTERFACE: external[4]?.dev ?? external[6]?.dev ?? '',
    OWN_IPV6INTERFACE: external[6]?.dev ?? '',
    OWN_MTU: String(overlayMtu(extension, context)),
  };
}

/** What the commands about this node are told: flannel's names, without a subnet while there is no lease. */
export function startupVariables(context: Context): Variables {
  const variables = ownVariables(context);
  const half = (own: Lease | undefined, family: 4 | 6): string => (own && stackOf(own, family)?.subnet) ?? '';
  return {
    ...variables,
    SUBNET: half(context.own, 4),
    IPV6SUBNET: half(context.own, 6),
    PUBLIC_IP: variables.OWN_PUBLIC_IP ?? '',
    PUBLIC_IPV6: variables.OWN_PUBLIC_IPV6 ?? '',
    BACKEND_DATA: '',
  };
}

/** The extension of a network; undefined when its backend is another. @throws {FlanError} E_NETWORK_CONFIG */
export const extensionOptionsOf = ({ backend }: Network): ExtensionOptions | undefined =>
  backend.type === extension.type ? extension.options(backend.options) : undefined;
