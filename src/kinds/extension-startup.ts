import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { commandText, type ExtensionCommand, type ExtensionState, type Variables } from './extension-command.js';

/** What an extension's start-up commands made of this node, before any peer. */
export interface ExtensionStartup {
  readonly kind: 'extension-startup';
  /** The first network of the cluster: two flans on one host have different ones. */
  readonly network: string;
  /** PostStartupCommand. */
  readonly post?: ExtensionCommand;
  /** ShutdownCommand, which undoes it. */
  readonly shutdown?: ExtensionCommand;
  /** What the commands are told. */
  readonly variables: Variables;
  readonly state: ExtensionState;
}

export const extensionStartupKey = (network: string): Key => keyOf('extension-startup', network);

export const extensionStartupKind: Kind<ExtensionStartup> = {
  kind: 'extension-startup',
  rank: 12,
  readByName: true,
  key: ({ network }) => extensionStartupKey(network),
  fields: ['state', 'post', 'shutdown', 'variables'],
  // Running it again is how an extension takes in what changed: ShutdownCommand would undo PreStartupCommand as well.
  inPlace: ['state', 'post', 'shutdown', 'variables'],
  needs: () => [],
  owns: ({ network }, { networks }) => networks.includes(network),
  describe: ({ post }) => (post === undefined ? 'no PostStartupCommand' : commandText(post)),
};
