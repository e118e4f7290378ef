import { asFlanError, FlanError } from '../../errors.js';
import type { LeaseEvent, StoreState } from '../store.js';
import { type Bell, makeBell } from './bell.js';
import { type LeaseFolder, statStore } from './folder.js';
import { attachment } from './inotify.js';
import { networkFiles } from './network-file.js';

/** Events belong together that come within this time; the last one of a burst is what is waited for. */
const QUIET_MS = 5;
/** A burst that does not end is looked at in slices. */
const LONGEST_QUIET_MS = 100;
/** A folder that came back is likely still being filled. */
const RETURN_QUIET_MS = 100;
/** How often a folder that is away is looked for: nothing tells of a mount, or of a rename further up. */
const AWAY_MS = 5_000;
/** How long a file may stay unreadable before that is told: it is most likely being written. */
const GRACE_MS = 250;
/** So many events at once may have overrun the kernel's queue (fs.inotify.max_queued_events), which Node does not tell. */
const BURST = 4096;

export interface FolderWatch {
  /** May be read by others too, but watched by nobody else. */
  readonly folder: LeaseFolder;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly onState?: ((state: StoreState) => void) | undefined;
}

/**
 * Tells what the folder holds, then what changes in it, driven by inotify: only files that changed are read again. While
 * the folder, or the network's config in it, is not there, nothing is said: an unmounted disk looks like an empty folder.
 * When it is back, of which inotify tells in most cases, there is a new snapshot. @throws {FlanError} E_WATCH
 */
export async function* watchFolder({ folder, now, signal, onState }: FolderWatch): AsyncGenerator<LeaseEvent> {
  if (signal.aborted) return;
  const { path } = folder;
  const names = new Set<string>();
  const bell = makeBell();
  let heard = 0;
  let doubt = true;
  const nudge = attachment(path, {
    onName(name) {
      names.add(name);
      heard++;
      bell.ring();
    },
    onDoubt() {
      doubt = true;
      bell.ring();
    },
  });
  let state: 'new' | 'connected' | 'disconnected' = 'new';
  let identity: string | undefined;
  try {
    while (!signal.aborted) {
      let lookAgainAtMs: number | undefined;
      let toldAtMs = now();
      try {
        const everything = doubt || heard >= BURST || [...names].some(isConfig);
        const changed = [...names];
        names.clear();
        heard = 0;
        doubt = false;
        if (everything) {
          // Listening starts before looking, so nothing falls between the two.
          nudge.attach();
          requireNetwork(path);
          if (state === 'disconnected') await settle(bell, { signal, quietMs: RETURN_QUIET_MS });
          const found = await folder.scan({ graceMs: state === 'new' ? 0 : GRACE_MS });
          lookAgainAtMs = found.lookAgainAtMs;
          if (found.identity !== identity || state !== 'connected') {
            identity = found.identity;
            if (state !== 'connected') onState?.({ state: 'connected' });
            state = 'connected';
            yield folder.book.snapshot(now());
          }
        } else lookAgainAtMs = await folder.reread(changed, { graceMs: GRACE_MS });
        toldAtMs = now();
        yield* folder.book.changes(toldAtMs);
      } catch (cause) {
        const error = asFlanError(cause);
        if (error.code !== 'E_STORE_UNREACHABLE' && error.code !== 'E_NETWORK_MISSING') throw error;
        if (state !== 'disconnected') onState?.({ state: 'disconnected', error, retryInMs: AWAY_MS });
        state = 'disconnected';
        lookAgainAtMs = performance.now() + AWAY_MS;
      }
      await bell.wait(signal, earliest(lookAgainAtMs, untilExpiry(folder, { toldAtMs, nowMs: now() })));
      await settle(bell, { signal, quietMs: QUIET_MS });
      if (state === 'disconnected') doubt = true;
    }
  } finally {
    nudge.close();
  }
}

/** Waits until it has been quiet for a while. */
async function settle(
  bell: Bell,
  { signal, quietMs }: { readonly signal: AbortSignal; readonly quietMs: number },
): Promise<void> {
  const giveUpAt = performance.now() + Math.max(LONGEST_QUIET_MS, 5 * quietMs);
  while (performance.now() < giveUpAt) if ((await bell.wait(signal, quietMs)) !== 'rung') return;
}

const isConfig = (name: string): boolean => /^(network\.(ya?ml|json)|net-conf\.json)$/.test(name);

/** A folder without the network's config is not the one we were given: unmounted, or not yet filled. */
function requireNetwork(path: string): void {
  if (statStore(path).form === 'file' || networkFiles(path).length > 0) return;
  throw new FlanError(
    'E_NETWORK_MISSING',
    `${path} holds no network config any more; nothing is changed until it is back`,
    {
      hint: 'Mount the folder, or put network.yaml back.',
      retry: true,
      where: path,
    },
  );
}

/** Counted from when expiries were last told: one that fell due since then is due at once. */
function untilExpiry(folder: LeaseFolder, { toldAtMs, nowMs }: { readonly toldAtMs: number; readonly nowMs: number }) {
  const at = folder.book.nextExpiryMs(toldAtMs);
  return at === undefined ? undefined : at - nowMs;
}

function earliest(suspectAtMs: number | undefined, expiryInMs: number | undefined): number | undefined {
  const suspectInMs = suspectAtMs === undefined ? undefined : suspectAtMs - performance.now();
  if (suspectInMs === undefined || expiryInMs === undefined) return suspectInMs ?? expiryInMs;
  return Math.min(suspectInMs, expiryInMs);
}
