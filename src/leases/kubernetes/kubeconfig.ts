import { readFile } from 'node:fs/promises';
import type http from 'node:http';
import type https from 'node:https';
import path from 'node:path';
// Not the package's index: that loads every API class there is.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Cluster, User } from '@kubernetes/client-node/dist/config_types.js';
import { FlanError } from '../../errors.js';
import { isJsonObject } from '../../model/json.js';
import { type ApiAccess, agentFor, type Credentials, REREAD_MS, type TlsMaterial } from './credentials.js';

export interface KubeconfigOptions {
  /** As `KUBECONFIG`, then `~/.kube/config`, when absent. */
  readonly file?: string | undefined;
  readonly server?: string | undefined;
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
}

/** The longest an exec plugin or an OIDC provider may take. */
const AUTH_TIMEOUT_MS = 60_000;

/**
 * A kubeconfig with all its ways to authenticate; client-node does the work of exec plugins and OIDC.
 * @throws {FlanError} E_CONFIG
 */
export async function kubeconfigCredentials(options: KubeconfigOptions): Promise<Credentials> {
  const { config, cluster, user, tokenFile, where } = await load(options);
  const server = cluster.server;
  let held: { readonly access: ApiAccess; readonly tls: string; readonly readAtMs: number } | undefined;
  let stale = true;

  const renew = async (signal: AbortSignal): Promise<ApiAccess> => {
    const request = await authenticate(config, { signal, where, user });
    const tls = tlsOf(request);
    const same = JSON.stringify(tls);
    const agent = cluster.proxyUrl
      ? ((held?.tls === same ? held.access.agent : request.agent) as http.Agent)
      : held?.tls === same
        ? held.access.agent
        : agentFor(server, tls);
    const headers = {
      ...headersOf(request),
      ...(tokenFile && { authorization: `Bearer ${await readToken(tokenFile)}` }),
    };
    held = { access: { server, headers, agent }, tls: same, readAtMs: options.nowMs() };
    stale = false;
    return held.access;
  };

  return {
    server,
    access: async (signal) =>
      !stale && held && options.nowMs() - held.readAtMs < REREAD_MS ? held.access : renew(signal),
    invalidate() {
      stale = true;
    },
    close: () => held?.access.agent.destroy(),
  };
}

interface Loaded {
  readonly config: KubeConfig;
  readonly cluster: Cluster;
  readonly user: User | undefined;
  readonly tokenFile: string | undefined;
  readonly where: string;
}

async function load({ file, server, context, env }: KubeconfigOptions): Promise<Loaded> {
  const files = file ? [file] : (env.KUBECONFIG?.split(path.delimiter).filter(Boolean) ?? []);
  if (files.length === 0) files.push(path.join(env.HOME ?? '/root', '.kube', 'config'));
  const where = files.join(path.delimiter);
  const config = new KubeConfig();
  try {
    for (const [i, name] of files.entries()) {
      if (i === 0) config.loadFromFile(name);
      else {
        const more = new KubeConfig();
        more.loadFromFile(name);
        merge(config, more);
      }
    }
  } catch (cause) {
    throw unusable(cause, where);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const named = config.getContextObject(config.getCurrentContext());
  const found = named && config.getCluster(named.cluster);
  if (!named || !found) {
    const known = config
      .getContexts()
      .map(({ name }) => name)
      .join(', ');
    const current = config.getCurrentContext();
    const what = named ? `cluster '${named.cluster}'` : current ? `context '${current}'` : 'current-context';
    throw new FlanError('E_CONFIG', `the kubeconfig has no ${what}`, {
      where,
      hint: `Its contexts are: ${known || 'none'}`,
    });
  }
  const url = server ?? found.server;
  // Plain http (kubectl proxy) has no certificate to verify; client-node wants that said.
  const cluster: Cluster = { ...found, server: url, skipTLSVerify: found.skipTLSVerify || url.startsWith('http:') };
  const user = config.getUser(named.user) ?? undefined;
  config.clusters = [cluster];
  config.contexts = [{ ...named, cluster: cluster.name }];
  if (user?.exec) config.users = [{ ...user, exec: withExecInfo(user.exec, cluster) }];
  return { config, cluster, user, tokenFile: await tokenFileOf(files, named.user), where };
}

/**
 * The YAML parser quotes the lines around a mistake, which may hold a token: only what it calls the mistake and its
 * place are told, and of anything but a system error (no such file) that it is no kubeconfig.
 */
function unusable(cause: unknown, where: string): FlanError {
  const { syscall, message, reason, mark } = cause as NodeJS.ErrnoException & Partial<YamlProblem>;
  const place = mark === undefined ? '' : ` at line ${mark.line + 1}, column ${mark.column + 1}`;
  const why = syscall ? message : reason ? `${reason}${place}` : 'it is no kubeconfig';
  return new FlanError('E_CONFIG', `cannot use the kubeconfig ${where}: ${why}`, {
    where,
    hint: 'Give --kubeconfig-file or KUBECONFIG, or run inside the cluster with a service account',
  });
}

/** js-yaml's YAMLException, as far as it is of use. Lines and columns count from 0. */
interface YamlProblem {
  readonly reason: string;
  readonly mark: { readonly line: number; readonly column: number };
}

/** As kubectl: of several files the first that says something wins. */
function merge(config: KubeConfig, more: KubeConfig): void {
  const unknownTo = <T extends { readonly name: string }>(list: readonly T[], added: readonly T[]): T[] =>
    added.filter(({ name }) => !list.some((known) => known.name === name));
  config.loadFromOptions({
    clusters: [...config.clusters, ...unknownTo(config.clusters, more.clusters)],
    users: [...config.users, ...unknownTo(config.users, more.users)],
    contexts: [...config.contexts, ...unknownTo(config.contexts, more.contexts)],
    currentContext: config.currentContext || more.currentContext,
  });
}

/**
 * Exec plugins are told what they serve by KUBERNETES_EXEC_INFO, which client-node leaves out.
 * @see client.authentication.k8s.io/v1 ExecCredential
 */
function withExecInfo(exec: NonNullable<User['exec']>, cluster: Cluster): NonNullable<User['exec']> {
  const info = {
    kind: 'ExecCredential',
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo && {
        cluster: {
          server: cluster.server,
          ...(cluster.caData && { 'certificate-authority-data': cluster.caData }),
          ...(cluster.tlsServerName && { 'tls-server-name': cluster.tlsServerName }),
        },
      }),
    },
  };
  return { ...exec, env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] };
}

/** `tokenFile` as kubectl spells it; client-node 1.4 knows only `token-file`, and reads that but once. */
async function tokenFileOf(files: readonly string[], userName: string): Promise<string | undefined> {
  const { parse } = await import('yaml');
  for (const file of files) {
    const config: unknown = parse(await readFile(file, 'utf8'), { prettyErrors: false });
    const users: unknown = isJsonObject(config) ? config.users : undefined;
    if (!Array.isArray(users)) continue;
    for (const entry of users) {
      if (!isJsonObject(entry) || entry.name !== userName || !isJsonObject(entry.user)) continue;
      const { tokenFile } = entry.user;
      return typeof tokenFile === 'string' && tokenFile ? path.resolve(path.dirname(file), tokenFile) : undefined;
    }
  }
  return undefined;
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new FlanError('E_STORE_AUTH', `cannot read the token file: ${(cause as Error).message}`, {
      where: file,
      hint: 'Check the path at users[].user.tokenFile of the kubeconfig',
      cause,
    });
  }
}

interface Authenticating {
  readonly signal: AbortSignal;
  readonly where: string;
  readonly user: User | undefined;
}

async function authenticate(
  config: KubeConfig,
  { signal, where, user }: Authenticating,
): Promise<https.RequestOptions> {
  const request: https.RequestOptions = { headers: {} };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(AUTH_TIMEOUT_MS)]);
  try {
    await Promise.race([config.applyToHTTPSOptions(request), rejectOn(limit)]);
    return request;
  } catch (cause) {
    signal.throwIfAborted();
    // What a plugin printed may hold a secret: only a system error (no such program) is quoted.
    const { code, syscall } = cause as NodeJS.ErrnoException;
    const why = limit.aborted
      ? `no answer within ${AUTH_TIMEOUT_MS} ms`
      : syscall
        ? `${syscall}: ${code}`
        : 'it failed';
    const who = user?.exec ? `the plugin '${user.exec.command}'` : 'its user entry';
    throw new FlanError('E_STORE_AUTH', `cannot authenticate with the kubeconfig by ${who}: ${why}`, {
      where,
      hint: user?.exec ? `Run '${user.exec.command}' by hand to see why` : 'Try: kubectl auth whoami',
      retry: true,
    });
  }
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

const pem = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : String(value));

function tlsOf(request: https.RequestOptions): TlsMaterial {
  const [ca, cert, key] = [pem(request.ca), pem(request.cert), pem(request.key)];
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(request.servername && { servername: request.servername }),
    ...(request.rejectUnauthorized === false && { insecure: 'yes' }),
  };
}

function headersOf(request: https.RequestOptions): Record<string, string> {
  const given = Object.entries(request.headers ?? {}) as [string, unknown][];
  const headers = Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), String(value).trim()]));
  if (typeof request.auth === 'string') headers.authorization = `Basic ${Buffer.from(request.auth).toString('base64')}`;
  return headers;
}
