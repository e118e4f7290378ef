import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'vitest';

export interface ToolTestOptions {
  /** Programs in PATH that the test runs. */
  readonly tools: readonly string[];
  readonly timeoutMs?: number;
}

/** A test that runs other programs. Where one is missing it is skipped aloud; with FLAN_REQUIRE_KERNEL=1 it fails. */
export function toolTest(name: string, { tools, timeoutMs = 30_000 }: ToolTestOptions, action: () => unknown): void {
  test(name, { timeout: timeoutMs }, async (context) => {
    const missing = tools.filter((tool) => !isInstalled(tool));
    if (missing.length === 0) {
      await action();
      return;
    }
    const why = `not installed: ${missing.join(', ')}`;
    if (process.env.FLAN_REQUIRE_KERNEL === '1') throw new Error(`cannot run here: ${why}`);
    process.stderr.write(`SKIPPED ${name}: ${why}\n`);
    context.skip(why);
  });
}

function isInstalled(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
