// Builds the Debian package for the architecture of this machine and prints its path: `deb.mjs [FOLDER]`, by default the
// working directory. `npm run deb` starts it through tsx. SOURCE_DATE_EPOCH is the time that its files bear, else that of the
// commit that is checked out.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEB_ARCHITECTURES } from '../packaging/deb/control.ts';
import { hasKoffi } from '../packaging/deb/package-files.ts';
import { writeDeb } from '../packaging/deb/write-deb.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { arch } = process;
const architecture = DEB_ARCHITECTURES[arch];
if (architecture === undefined || !hasKoffi({ root, arch })) {
  console.error(
    `deb: there is no package for ${arch}; build on ${Object.keys(DEB_ARCHITECTURES).join(' or ')}, after npm ci`,
  );
  process.exit(1);
}

execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), '--release'], { stdio: 'inherit' });
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = resolve(process.argv[2] ?? '.');
console.log(writeDeb({ root, version, arch, architecture, folder, epochSeconds: epochSeconds() }));

function epochSeconds() {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined && /^\d+$/.test(SOURCE_DATE_EPOCH)) return Number(SOURCE_DATE_EPOCH);
  return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }));
}
