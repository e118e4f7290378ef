import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Before the first test: those that start the command line start what the sources say now. */
export default function setup(): void {
  try {
    execFileSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT, stdio: 'inherit' });
  } catch (error) {
    // While sources are being edited the other tests are still of use; nobody ships what they say.
    if (process.env.CI || !existsSync(`${ROOT}dist/cli.cjs`)) throw error;
    console.error('The build failed: tests of the command line run the build before.');
  }
}
