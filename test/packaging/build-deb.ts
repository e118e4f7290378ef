import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `npm run deb`. @returns the path of the package */
export function buildDeb(folder: string, env: NodeJS.ProcessEnv = {}): string {
  const args = ['-c', 'umask $1; shift; exec "$@"', 'sh', env.UMASK ?? '022'];
  const command = ['node_modules/.bin/tsx', 'scripts/deb.mjs', folder];
  const output = execFileSync('sh', [...args, ...command], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return output.trim().split('\n').at(-1) ?? '';
}
