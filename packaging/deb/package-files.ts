import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { completionScripts } from '../completions/scripts.js';
import { manPages } from '../man/pages.js';

/** One file of the package, or a symbolic link in it. */
export type PackageFile =
  | { readonly path: string; readonly type: 'file'; readonly mode: 0o644 | 0o755; readonly content: string | Buffer }
  | { readonly path: string; readonly type: 'link'; readonly to: string };

export interface PackageInput {
  /** The checkout, built with `--release`. */
  readonly root: string;
  readonly arch: NodeJS.Architecture;
}

const HOME = 'usr/lib/flan';
const DOC = 'usr/share/doc/flan';

/** Everything that the package puts on a host, by path without the leading slash. */
export function packageFiles({ root, arch }: PackageInput): readonly PackageFile[] {
  const read = (path: string): Buffer => readFileSync(join(root, path));
  const from = (path: string) => read(join('packaging', path));
  const file = (path: string, content: string | Buffer): PackageFile => ({ path, type: 'file', mode: 0o644, content });
  const program = (path: string, content: Buffer): PackageFile => ({ path, type: 'file', mode: 0o755, content });
  const copies = (to: string, paths: readonly string[]) => paths.map((path) => file(join(to, path), read(path)));
  return [
    ...['bin/flan.js', 'bin/flanneld.js'].map((path) => program(join(HOME, path), read(path))),
    ...copies(HOME, ['bin/load.js', 'bin/package.json', 'package.json', ...distFiles(root), ...koffiFiles(arch)]),
    { path: 'usr/bin/flan', type: 'link', to: '../lib/flan/bin/flan.js' },
    file('usr/lib/systemd/system/flan.service', from('systemd/flan.service')),
    file('etc/flan/config.yaml', from('deb/config.yaml')),
    file('etc/iproute2/rt_protos.d/flan.conf', from('deb/rt_protos.conf')),
    ...[...manPages()].map(([name, text]) => file(`usr/share/man/man${name.at(-1)}/${name}.gz`, packed(text))),
    ...[...completionScripts()].map(([name, text]) => file(join(completionFolder(name), name), text)),
    file(`${DOC}/copyright`, from('deb/copyright')),
    file(`${DOC}/changelog.gz`, packed(read('CHANGELOG.md'))),
    file(`${DOC}/README.md.gz`, packed(read('README.md'))),
    file(`${DOC}/THIRD-PARTY-LICENSES.txt.gz`, packed(read('dist/THIRD-PARTY-LICENSES.txt'))),
  ];
}

/** What an administrator may change, and an upgrade must not change back. */
export const conffiles = (files: readonly PackageFile[]): readonly string[] =>
  files.map(({ path }) => `/${path}`).filter((path) => path.startsWith('/etc/'));

/** The same bytes from the same text: a gzip header of Node holds neither name nor time. */
const packed = (text: string | Buffer): Buffer => gzipSync(text, { level: 9 });

function completionFolder(name: string): string {
  if (name.startsWith('_')) return 'usr/share/zsh/vendor-completions';
  return name.endsWith('.fish') ? 'usr/share/fish/vendor_completions.d' : 'usr/share/bash-completion/completions';
}

/** dist/ without the library, and without the chunks of builds before that a running process may still need. */
function distFiles(root: string): readonly string[] {
  const chunks = new Set<string>();
  const visit = (name: string): void => {
    if (chunks.has(name)) return;
    chunks.add(name);
    const text = readFileSync(join(root, 'dist', name), 'latin1');
    for (const [, other = ''] of text.matchAll(/require\("\.\/([\w.-]+\.cjs)"\)/g)) visit(other);
  };
  visit('cli.cjs');
  const names = readdirSync(join(root, 'dist'), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .filter((name) => chunks.has(name) || /\.worker\.cjs$|\.json$/.test(name));
  return names.sort().map((name) => join('dist', name));
}

/** Of koffi what is loaded at run time: its binary for this processor and glibc, and the files that find it. */
function koffiFiles(arch: NodeJS.Architecture): readonly string[] {
  const own = ['package.json', 'LICENSE.txt', 'index.cjs', 'src/koffi/index.cjs', 'src/koffi/src/static.cjs'];
  const native = ['package.json', 'index.js', `linux_${arch}/koffi.node`];
  const paths = [
    ...own.map((name) => join('node_modules/koffi', name)),
    ...native.map((name) => join(`node_modules/@koromix/koffi-linux-${arch}`, name)),
  ];
  return paths;
}

/** Whether koffi's binary for a processor is installed: npm brings that of its own machine only. */
export const hasKoffi = ({ root, arch }: PackageInput): boolean =>
  existsSync(join(root, `node_modules/@koromix/koffi-linux-${arch}`));
