import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../../src/config/settings-definitions.js';
import type { ErrorCode } from '../../src/errors.js';
import { EXIT_OF_ERROR, type ExitName } from '../../src/exit-codes.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** All that flan consists of, but for these files of src/. */
function sourceTextWithout(tables: readonly string[]): string {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !tables.includes(name))
    .map((name) => join('src', name));
  return [...sources, 'bin/flan.js'].map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
}

export interface Raised {
  /** Every `E_` name that the code says. */
  readonly errors: ReadonlySet<ErrorCode>;
  readonly exits: ReadonlySet<ExitName>;
}

/** What can happen today. A code that is only listed is reserved: nothing raises it yet. */
export function raised(): Raised {
  const text = sourceTextWithout(['exit-codes.ts']);
  const errors = new Set([...text.matchAll(/\bE_[A-Z]+(?:_[A-Z]+)*\b/g)].map(([code]) => code as ErrorCode));
  const direct = [...text.matchAll(/\bEXIT\.(\w+)/g)].map(([, name]) => name as ExitName);
  const byError = [...errors].map((code) => EXIT_OF_ERROR[code]).filter((name) => name !== undefined);
  return { errors, exits: new Set([...direct, ...byError]) };
}

/** Settings that are read from nowhere but the tables that define them. */
export function unusedSettings(): string[] {
  const text = sourceTextWithout(['config/settings-table.ts', 'config/settings-definitions.ts']);
  // A key with a text behind it is an option of somebody else's (`logLevel: 'error'`).
  return SETTINGS.map(({ key }) => key).filter((key) => !new RegExp(`\\b${key}\\b(?!: ')`).test(text));
}
