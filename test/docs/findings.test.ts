import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './sources.js';

it('docs/troubleshooting.md names every finding of doctor, and no other', () => {
  const folder = join(ROOT, 'src/doctor');
  const raised = readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/'(D_[A-Z0-9_]+)'/g)].map(([, code]) => code),
  );
  const page = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');
  const told = [...page.matchAll(/^\| `(D_[A-Z0-9_]+)`/gm)].map(([, code]) => code);
  expect(told).toEqual([...new Set(raised)].sort());
});
