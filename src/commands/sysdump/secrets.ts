import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { SETTINGS } from '../../config/settings-definitions.js';
import { SERVICE_ACCOUNT_FOLDER } from '../../leases/kubernetes/in-cluster.js';
import { isJsonObject, type JsonObject } from '../../model/json.js';
import type { Network } from '../../model/network.js';

/** Every secret that this host gives flan, so that none of them leaves it. What cannot be read cannot leak either. */
export async function knownSecrets(settings: Settings, network: Network | undefined): Promise<readonly string[]> {
  const { etcdPasswordFile, wireguardKeyFile, kubeconfigFile } = settings;
  return [
    ...SETTINGS.filter(({ secret }) => secret).flatMap(({ key }) => textsOf(settings[key])),
    ...[etcdPasswordFile, wireguardKeyFile, join(SERVICE_ACCOUNT_FOLDER, 'token')].flatMap(contentOf),
    ...(network === undefined ? [] : secretOptions(network.backend.options)),
    ...(await kubeconfigSecrets(kubeconfigFile === undefined ? kubectlFiles(process.env) : [kubeconfigFile])),
  ];
}

const SECRET_NAME = /psk|password|secret|token|preshared|private.?key/i;

/** Of backends' options those that are secret by their names. */
function secretOptions(options: JsonObject): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (isJsonObject(value)) return secretOptions(value);
    return SECRET_NAME.test(name) ? textsOf(value) : [];
  });
}

const kubectlFiles = ({ KUBECONFIG, HOME }: NodeJS.ProcessEnv): readonly string[] =>
  KUBECONFIG === undefined ? (HOME === undefined ? [] : [join(HOME, '.kube', 'config')]) : KUBECONFIG.split(':');

async function kubeconfigSecrets(files: readonly string[]): Promise<readonly string[]> {
  const { parse } = await import('yaml');
  return files.flatMap((file) => {
    let document: unknown;
    try {
      document = parse(readFileSync(file, 'utf8'));
    } catch {
      return []; // Not there, or not for us: the store says so.
    }
    const users = isJsonObject(document) && Array.isArray(document.users) ? document.users : [];
    return users.flatMap((entry) => {
      const user = isJsonObject(entry) && isJsonObject(entry.user) ? entry.user : {};
      const { tokenFile } = user;
      const token = typeof tokenFile === 'string' ? contentOf(resolve(dirname(file), tokenFile)) : [];
      return [...token, ...leaves(user['auth-provider']), ...leaves(envOf(user.exec)), ...userSecrets(user)];
    });
  });
}

const userSecrets = (user: JsonObject): readonly string[] =>
  ['token', 'password', 'client-key-data'].flatMap((name) => textsOf(user[name]));

/** Values of the variables that an exec plugin gets. */
const envOf = (exec: unknown): unknown =>
  isJsonObject(exec) && Array.isArray(exec.env)
    ? exec.env.map((pair: unknown) => (isJsonObject(pair) ? pair.value : undefined))
    : [];

/** Short words are names and ports, which may stand anywhere. */
const leaves = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : textsOf(value).filter(isLong);
const isLong = (text: string): boolean => text.length >= 12;

const textsOf = (value: unknown): readonly string[] => (typeof value === 'string' && value !== '' ? [value] : []);

function contentOf(path: string | undefined): readonly string[] {
  try {
    return path === undefined ? [] : textsOf(readFileSync(path, 'utf8').trim());
  } catch {
    return []; // Not there, or not for us.
  }
}
