import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './sources.js';

const run = promisify(execFile);

/** Runs the README's tour in namespaces of its own. Needs root. @returns what people see, by step */
export async function runTour(): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await run('unshare', ['-nmu', 'bash', join(ROOT, 'test/docs/tour.sh'), ROOT]);
  const steps = stdout.split(/^@@ /m).slice(1);
  return new Map(
    steps.map((step) => {
      const [name = '', ...lines] = step.split('\n');
      return [name, lines.map((line) => line.trimEnd()).join('\n')];
    }),
  );
}

/** How a step stands in a document. */
export const consoleBlock = (text: string): string => `\`\`\`console\n${text}\`\`\`\n`;

/**
 * A step without what differs from run to run: times, the subnet that node-a drew by lot, how much the kernel made by
 * itself, and the widths of columns that follow from these.
 */
export const shapeOf = (text: string, ownSubnet: string): string =>
  text
    .replaceAll(ownSubnet, '10.244.N')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\d+(\.\d+)? ms\b/g, 'N ms')
    .replace(/\d+ foreign objects?/g, 'N foreign objects')
    .replace(/ +/g, ' ');

/** The first three numbers of the subnet that node-a got. @throws {Error} when the tour shows none */
export function ownSubnetIn(text: string): string {
  const found = /^FLANNEL_SUBNET=(\d+\.\d+\.\d+)\.1\/24$/m.exec(text)?.[1];
  if (found === undefined) throw new Error('the tour shows no FLANNEL_SUBNET');
  return found;
}
