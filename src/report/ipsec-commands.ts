import { connectionName, type IpsecConnection } from '../kinds/ipsec-connection.js';
import { type IpsecSecret, secretId } from '../kinds/ipsec-secret.js';

type Verb = 'add' | 'replace' | 'del';

/** What stands for it on a command line: charon takes no connections or keys from there, swanctl from files. */
export const daemonCommands = (verb: Verb): string[] => [
  verb === 'del' ? 'kill "$(cat /run/charon.pid)"' : 'setsid /usr/lib/ipsec/charon &',
];

export const secretCommands = (verb: Verb, secret: IpsecSecret): string[] => [
  `# ${verb === 'del' ? 'take' : 'put'} \`${secretId(secret)}\` ${verb === 'del' ? 'out of' : 'into'} secrets { } of swanctl.conf, then`,
  'swanctl --load-creds',
];

export const connectionCommands = (verb: Verb, connection: IpsecConnection): string[] => {
  const name = connectionName(connection);
  const load = [
    `# ${verb === 'del' ? 'take' : 'put'} \`${name}\` ${verb === 'del' ? 'out of' : 'into'} connections { } of swanctl.conf, then`,
    'swanctl --load-conns',
  ];
  return verb === 'add' ? load : [...load, `swanctl --terminate --ike ${name}`];
};
