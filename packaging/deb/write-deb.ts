import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { controlFile, type DebArchitecture, debVersion } from './control.js';
import { conffiles, type PackageFile, packageFiles } from './package-files.js';

export interface WriteDebInput {
  /** The checkout, built with `--release`. */
  readonly root: string;
  readonly version: string;
  readonly arch: NodeJS.Architecture;
  readonly architecture: DebArchitecture;
  /** Where the package is put. */
  readonly folder: string;
  /** The time that every file of the package bears, in seconds since 1970. */
  readonly epochSeconds: number;
}

/** Writes the Debian package: the same bytes for the same sources and time. @returns its path */
export function writeDeb({ root, version, arch, architecture, folder, epochSeconds }: WriteDebInput): string {
  const files = packageFiles({ root, arch });
  const staging = mkdtempSync(join(tmpdir(), 'flan-deb-'));
  try {
    for (const file of files) put(staging, file);
    const control = { version, architecture, installedKiB: installedKiB(files) };
    const texts: readonly (readonly [string, string, 0o644 | 0o755])[] = [
      ['control', controlFile(control), 0o644],
      ['conffiles', `${conffiles(files).join('\n')}\n`, 0o644],
      ['md5sums', md5sums(files), 0o644],
      ...['postinst', 'prerm', 'postrm'].map((name) => [name, script(root, name), 0o755] as const),
    ];
    for (const [name, content, mode] of texts) put(staging, { path: `DEBIAN/${name}`, type: 'file', mode, content });
    settle(staging, epochSeconds);
    mkdirSync(folder, { recursive: true });
    const deb = join(folder, `flan_${debVersion(version)}_${architecture}.deb`);
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', staging, deb], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return deb;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

const script = (root: string, name: string): string => readFileSync(join(root, 'packaging/deb', name), 'utf8');

function put(staging: string, file: PackageFile): void {
  const path = join(staging, file.path);
  mkdirSync(dirname(path), { recursive: true });
  if (file.type === 'link') {
    symlinkSync(file.to, path);
    return;
  }
  writeFileSync(path, file.content);
  chmodSync(path, file.mode);
}

/** Modes and times of folders and files, whatever the umask is: those in a folder before the folder. */
function settle(path: string, epochSeconds: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) settle(child, epochSeconds);
    else lutimesSync(child, epochSeconds, epochSeconds);
  }
  chmodSync(path, 0o755);
  lutimesSync(path, epochSeconds, epochSeconds);
}

const md5sums = (files: readonly PackageFile[]): string =>
  files
    .flatMap((file) =>
      file.type === 'link' ? [] : `${createHash('md5').update(file.content).digest('hex')}  ${file.path}\n`,
    )
    .join('');

const installedKiB = (files: readonly PackageFile[]): number =>
  files.reduce((sum, file) => sum + (file.type === 'link' ? 1 : Math.ceil(Buffer.byteLength(file.content) / 1024)), 0);
