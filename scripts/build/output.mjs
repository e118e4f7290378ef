import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How long a chunk is left where it is after a build replaced it: a process of the build before may still load it. */
const STALE_CHUNK_MS = 3_600_000;
/** When which chunk was replaced, in milliseconds since 1970: its own time says when it was made. */
const REPLACED = 'replaced.json';

/** Replaces a file in one step, if it differs. */
export function put(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {
    // Not there yet.
  }
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

/**
 * Removes the chunks of builds before: those that were replaced a while ago, or all of them, for what is handed out.
 * `current` are the names of this build's.
 */
export function tidy({ folder, current, remove, nowMs }) {
  const record = join(folder, REPLACED);
  const known = remove === 'all' ? {} : recordOf(record);
  const replaced = {};
  for (const name of readdirSync(folder)) {
    if (!/\.c?js$/.test(name) || name.endsWith('.worker.cjs') || current.includes(name)) continue;
    const sinceMs = known[name] ?? nowMs;
    if (remove === 'all' || nowMs - sinceMs > STALE_CHUNK_MS) rmSync(join(folder, name), { force: true });
    else replaced[name] = sinceMs;
  }
  if (remove === 'all') rmSync(record, { force: true });
  else put(record, JSON.stringify(replaced));
}

function recordOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // No build was recorded yet: what is stale is so from now on.
    return {};
  }
}
