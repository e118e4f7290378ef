import type { WatchEvent } from '../reconcile/events.js';
import { isLoggedAt, type Level, type LogFormat, logLine, logRecord } from '../report/log-record.js';
import type { Paint } from '../report/paint.js';
import { type RateLimiter, rateLimiter } from './rate-limit.js';

export interface LogSettings {
  readonly logFormat: LogFormat;
  readonly logLevel: Level;
}

export interface LogInit extends LogSettings {
  readonly write: (line: string) => void;
  /** Colours of text lines. */
  readonly paint: Paint;
  readonly wallMs: () => number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export interface Log {
  tell(event: WatchEvent): void;
  /** Says how much was kept back, once its time is over. Called now and then. */
  settle(): void;
  /** From now on. */
  change(settings: LogSettings): void;
}

/** So much of one type of event is read by somebody; a rebooting switch makes thousands. */
const LIMIT = { burst: 100, windowMs: 10_000 };
/** So often the same is said of the same thing. */
const REPEATS = { burst: 5, windowMs: 60_000 };

/**
 * The log of `watch`. Own code and no pino: a line is one call of `JSON.stringify`, stdout is written in order with the
 * rest of the command line's output, and the limits look at events, which a logger does not know.
 */
export function watchLog(init: LogInit): Log {
  let settings: LogSettings = init;
  const kinds = rateLimiter(LIMIT);
  const repeats = rateLimiter(REPEATS);
  const time = (): string => new Date(init.wallMs()).toISOString();

  const settle = (): void => {
    const nowMs = init.nowMs();
    for (const [limiter, windowMs] of [
      [kinds, LIMIT.windowMs],
      [repeats, REPEATS.windowMs],
    ] as const) {
      for (const { sort, count } of limiter.settle(nowMs)) suppressed({ sort, count, windowMs });
    }
  };
  const suppressed = ({ sort, count, windowMs }: { sort: string; count: number; windowMs: number }): void => {
    const message = `${count} more like '${sort}' in ${windowMs / 1000} s were left out of the log`;
    const record = { level: 'info', event: 'suppressed', message, fields: { sort, count } } as const;
    if (isLoggedAt('info', settings.logLevel))
      init.write(logLine({ record, time: time(), format: settings.logFormat }));
  };
  const passes = (limiter: RateLimiter, sort: string): boolean => limiter.pass(sort, init.nowMs()) === 'pass';

  return {
    settle,
    change(next) {
      settings = next;
    },
    tell(event) {
      const isText = settings.logFormat === 'text';
      const record = logRecord(event, isText ? init.paint : undefined);
      if (!isLoggedAt(record.level, settings.logLevel)) return;
      const { key, entry, code } = record.fields;
      const about = key ?? entry ?? code;
      const isRepeat = about !== undefined && !passes(repeats, `${event.type} ${about}`);
      if (isRepeat || !passes(kinds, event.type)) return;
      init.write(logLine({ record, time: time(), format: settings.logFormat }));
    },
  };
}
