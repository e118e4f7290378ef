import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Real etcd servers for tests: own ports on the loopback, own directories, stopped by pid. */
export interface EtcdServer {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly endpoint: string;
  readonly port: number;
  readonly pid: () => number;
  /** SIGKILL, as a crash. */
  kill(): Promise<void>;
  /** Starts again on the same port, with the same data unless wiped. */
  start(): Promise<void>;
  wipe(): void;
  /** Runs etcdctl against this server. */
  ctl(...args: readonly string[]): Promise<string>;
  /** Kills it and removes its files. */
  close(): Promise<void>;
}

export interface EtcdOptions {
  readonly name?: string;
  readonly args?: readonly string[];
  readonly tls?: {
    readonly server: CertificatePair;
    readonly caFile: string;
    readonly clientCerts: 'required' | 'ignored';
  };
  /** What etcdctl needs beside the endpoint. */
  readonly ctlArgs?: readonly string[];
  readonly ports?: { readonly client: number; readonly peer: number };
  /** Peer URLs of a whole cluster by name. */
  readonly cluster?: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

/** Memory where there is some: every write of etcd waits for the disk otherwise. */
const temporary = (): string => mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flan-etcd-'));

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const server = await prepareEtcd(options);
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

async function prepareEtcd(options: EtcdOptions): Promise<EtcdServer> {
  const { name = 'default', tls } = options;
  const [client, peer] = options.ports ? [options.ports.client, options.ports.peer] : await freePorts(2);
  const dir = temporary();
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const cluster = Object.entries(options.cluster ?? { [name]: peerUrl }).map((pair) => pair.join('='));
  const tlsArgs = tls
    ? [
        ...['--cert-file', tls.server.cert, '--key-file', tls.server.key],
        // A trusted CA alone makes etcd demand client certificates too.
        ...(tls.clientCerts === 'required' ? ['--client-cert-auth', '--trusted-ca-file', tls.caFile] : []),
      ]
    : [];
  const args = [
    ...['--name', name, '--data-dir', join(dir, 'data')],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', cluster.join(','), '--initial-cluster-token', cluster.join()],
    ...tlsArgs,
    ...(options.args ?? []),
  ];
  let child: ChildProcess | undefined;

  const kill = async (): Promise<void> => {
    const victim = child;
    child = undefined;
    if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null) return;
    const exited = once(victim, 'exit');
    victim.kill('SIGKILL');
    await exited;
  };
  return {
    endpoint,
    port: client ?? 0,
    pid: () => child?.pid ?? -1,
    kill,
    async start() {
      // The kernel ends it with the test process, however that ends.
      child = spawn('setpriv', ['--pdeathsig', 'KILL', 'etcd', ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH },
      });
      await serving(child);
    },
    wipe: () => rmSync(join(dir, 'data'), { recursive: true, force: true }),
    async ctl(...ctl) {
      const all = ['--endpoints', endpoint, ...(options.ctlArgs ?? []), ...ctl];
      const { stdout } = await run('etcdctl', all, { env: { PATH: process.env.PATH, ETCDCTL_API: '3' } });
      return stdout;
    },
    async close() {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function serving(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    const hear = (chunk: Buffer): void => {
      log = (log + chunk.toString()).slice(-20_000);
      if (/serving (insecure )?client requests on/.test(log)) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.on('error', reject);
    child.on('exit', (code, signal) => reject(new Error(`etcd ended (${signal ?? code}):\n${log.slice(-3000)}`)));
  });
}

export interface EtcdCluster {
  readonly servers: readonly EtcdServer[];
  readonly endpoints: readonly string[];
  /** The member that leads now. */
  leader(): Promise<EtcdServer>;
  close(): Promise<void>;
}

export async function startCluster(size: number, args: readonly string[] = []): Promise<EtcdCluster> {
  const ports = await freePorts(size * 2);
  const names = Array.from({ length: size }, (_, i) => `m${i}`);
  const portsOf = (i: number) => ({ client: ports[2 * i] ?? 0, peer: ports[2 * i + 1] ?? 0 });
  const cluster = Object.fromEntries(names.map((name, i) => [name, `http://127.0.0.1:${portsOf(i).peer}`]));
  const fast = ['--heartbeat-interval', '100', '--election-timeout', '1000', ...args];
  const servers = await Promise.all(
    names.map((name, i) => prepareEtcd({ name, cluster, ports: portsOf(i), args: fast })),
  );
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    servers,
    endpoints: servers.map((server) => server.endpoint),
    async leader() {
      for (const server of servers) {
        if (server.pid() < 0) continue;
        const [status] = JSON.parse(await server.ctl('endpoint', 'status', '-w', 'json'));
        if (status.Status.leader === status.Status.header.member_id) return server;
      }
      throw new Error('no member leads');
    },
    close,
  };
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly caFile: string;
  /** `names` are subject alternative names: `IP:127.0.0.1`, `DNS:localhost`. */
  issue(commonName: string, names?: readonly string[]): CertificatePair;
  close(): void;
}

/** A certificate authority made with openssl; elliptic keys, since they are made in no time. */
export function certificateAuthority(): Authority {
  const dir = temporary();
  const file = (name: string) => join(dir, name);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file(name));
  key('ca.key');
  openssl(
    ...['req', '-x509', '-new', '-key', file('ca.key'), '-subj', '/CN=test-ca', '-days', '2', '-out', file('ca.crt')],
  );
  return {
    caFile: file('ca.crt'),
    issue(commonName, names = ['IP:127.0.0.1']) {
      const name = commonName.replace(/\W/g, '_');
      key(`${name}.key`);
      openssl('req', '-new', '-key', file(`${name}.key`), '-subj', `/CN=${commonName}`, '-out', file(`${name}.csr`));
      const usage = 'extendedKeyUsage=serverAuth,clientAuth';
      writeFileSync(file(`${name}.ext`), `subjectAltName=${names.join(',')}\n${usage}\n`);
      openssl(
        ...['x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.crt'), '-CAkey', file('ca.key')],
        ...['-CAcreateserial', '-days', '2', '-extfile', file(`${name}.ext`), '-out', file(`${name}.crt`)],
      );
      return { cert: file(`${name}.crt`), key: file(`${name}.key`) };
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A TCP proxy that misbehaves on demand. */
export interface TcpProxy {
  readonly endpoint: string;
  /** Ends every connection; new ones are fine. */
  cut(): void;
  /** Ends the connection that carries the n-th byte from the server, counted from now on; once. */
  cutAfter(bytes: number): void;
  /** Keeps connections open and carries nothing, as a dead link does. */
  pause(): void;
  /** Ends every connection and refuses new ones. */
  refuse(): void;
  resume(): void;
  /** How many connections have been opened, and how many cuts `cutAfter` has made. */
  readonly opened: () => number;
  readonly cuts: () => number;
  close(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: 'pass' | 'pause' | 'refuse' = 'pass';
  let left = Number.POSITIVE_INFINITY;
  let opened = 0;
  let cuts = 0;
  const end = ([a, b]: readonly [Socket, Socket]): void => {
    a.destroy();
    b.destroy();
  };
  const endAll = (): void => {
    for (const pair of pairs) end(pair);
  };
  const server = createServer((near) => {
    if (mode === 'refuse') {
      near.destroy();
      return;
    }
    opened++;
    const far = connect(targetPort, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => end(pair));
      socket.on('close', () => {
        end(pair);
        pairs.delete(pair);
      });
    }
    near.on('data', (chunk) => {
      if (mode === 'pass') far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (mode !== 'pass') return;
      if (chunk.length < left) {
        left -= chunk.length;
        near.write(chunk);
        return;
      }
      near.write(chunk.subarray(0, left), () => end(pair));
      left = Number.POSITIVE_INFINITY;
      cuts++;
      far.pause();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${portOf(server)}`,
    cut: endAll,
    cutAfter(bytes) {
      left = bytes;
    },
    pause() {
      mode = 'pause';
    },
    refuse() {
      mode = 'refuse';
      endAll();
    },
    resume() {
      // What was swallowed meanwhile is lost, so old connections are of no use.
      if (mode === 'pause') endAll();
      mode = 'pass';
    },
    opened: () => opened,
    cuts: () => cuts,
    async close() {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A directory for files of one test. */
export function scratch(): { readonly dir: string; close(): void } {
  const dir = temporary();
  mkdirSync(dir, { recursive: true });
  return { dir, close: () => rmSync(dir, { recursive: true, force: true }) };
}
