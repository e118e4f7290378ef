import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A copy of this host that a real systemd runs, in namespaces of its own. What is changed there is gone with it. */
export interface Machine {
  /** Runs a shell command line as root. @returns what it printed on stdout; throws with its stderr */
  sh(command: string): string;
  /** As `sh`, but a failure is an answer. */
  ask(command: string): { readonly code: number | null; readonly stdout: string; readonly stderr: string };
  put(path: string, text: string | Buffer): void;
  close(): Promise<void>;
}

const BOOT = fileURLToPath(new URL('boot-machine.sh', import.meta.url));
const CGROUPS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'];
const SYSTEMD = '/lib/systemd/systemd';

/** Why no machine can be had here; undefined when one can. */
export function whyNoMachine(): string | undefined {
  if (process.geteuid?.() !== 0) return 'only root can make one';
  if (!existsSync(SYSTEMD) || !existsSync('/usr/bin/dpkg')) return 'systemd and dpkg are not both installed';
  const cgroup = makeCgroup();
  if (cgroup === undefined) return 'no cgroup2 can be made here';
  rmdirSync(cgroup);
  const { status } = spawnSync('unshare', ['--mount', 'sh', '-c', TRY_OVERLAY], { stdio: 'ignore' });
  return status === 0 ? undefined : 'no overlay of this host can be mounted';
}

const TRY_OVERLAY =
  'mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w o /mnt/r';

function makeCgroup(): string | undefined {
  const above = CGROUPS.find((folder) => existsSync(join(folder, 'cgroup.procs')) && isCgroup2(folder));
  if (above === undefined) return undefined;
  const cgroup = join(above, `flan-machine-${process.pid}-${++count}`);
  try {
    mkdirSync(cgroup);
    return cgroup;
  } catch {
    return undefined; // mounted read-only, as in many containers
  }
}
let count = 0;

const isCgroup2 = (folder: string): boolean => existsSync(join(folder, 'cgroup.controllers'));

/** Boots one. The caller closes it. */
export async function bootMachine(): Promise<Machine> {
  const cgroup = makeCgroup();
  if (cgroup === undefined) throw new Error('no cgroup2');
  const folder = mkdtempSync(join(tmpdir(), 'flan-machine-'));
  const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup', '--fork', '--kill-child'];
  const enter = `echo $$ >${cgroup}/cgroup.procs; exec unshare ${namespaces.join(' ')} bash ${BOOT} "$@"`;
  const boot = spawn('sh', ['-ec', enter, 'sh', folder, cgroup, process.execPath], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  boot.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const close = async (): Promise<void> => {
    const ended = boot.exitCode !== null || boot.signalCode !== null;
    const end = ended ? undefined : new Promise((resolve) => boot.once('exit', resolve));
    boot.kill('SIGKILL');
    await end;
    await emptied(cgroup);
    removeCgroups(cgroup);
    rmSync(folder, { recursive: true, force: true });
  };
  const root = join(folder, 'root');
  const ask = (command: string) => {
    // A session of its own: a process group reaches across pid namespaces, and `kill 0` must not.
    const args = ['-w', 'nsenter', '-t', String(initOf(boot)), '-a', 'chroot', root, 'sh', '-ec', command];
    const env = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: '/root',
    };
    const { status, stdout, stderr } = spawnSync('setsid', args, { encoding: 'utf8', env, timeout: 60_000 });
    return { code: status, stdout, stderr };
  };
  const machine: Machine = {
    ask,
    sh(command) {
      const { code, stdout, stderr } = ask(command);
      if (code !== 0) throw new Error(`exit code ${code}: ${command}\n${stdout}${stderr}`);
      return stdout;
    },
    put: (path, text) => writeFileSync(`/proc/${initOf(boot)}/root${path}`, text),
    close,
  };
  try {
    while (machine.ask('systemctl is-active machine.target').stdout.trim() !== 'active') {
      if (boot.exitCode !== null) throw new Error(`the machine does not boot: ${said}`);
      await setTimeout(100);
    }
    return machine;
  } catch (error) {
    await close();
    throw error;
  }
}

/** The process that is number 1 inside. */
function initOf({ pid }: ChildProcess): string {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? String(pid) : (children.split(' ')[0] ?? '');
}

/** The kernel ends the processes of a namespace one by one after its first has gone. */
async function emptied(cgroup: string): Promise<void> {
  while (/^populated 1$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))) await setTimeout(20);
}

function removeCgroups(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** One more version of a package, with the same content. */
export function reversioned(deb: string, { to, folder }: { readonly to: string; readonly folder: string }): string {
  const staging = join(folder, `staging-${to}`);
  execFileSync('dpkg-deb', ['-R', deb, staging]);
  const control = join(staging, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${to}`));
  const path = join(folder, `flan_${to}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', staging, path], { stdio: 'pipe' });
  rmSync(staging, { recursive: true });
  return path;
}
