import { printable } from './printable.js';

export interface Progress {
  readonly done: number;
  readonly failed: number;
  readonly of: number;
  readonly tookMs: number;
  /** The last one. */
  readonly key: string;
}

/** One line about work under way, no wider than the terminal: how far, how fast, how much longer. */
export function progressLine({ done, failed, of, tookMs, key }: Progress, columns: number): string {
  const perSecond = tookMs > 0 ? (done * 1000) / tookMs : 0;
  const rate = perSecond >= 10 ? `${Math.round(perSecond)}/s` : `${perSecond.toFixed(1)}/s`;
  const left = perSecond > 0 && done < of ? `, ${seconds((of - done) / perSecond)} left` : '';
  const bad = failed === 0 ? '' : `, ${failed} failed`;
  const width = String(of).length;
  const text = `[${String(done).padStart(width)}/${of}] ${rate}${left}${bad}  ${printable(key)}`;
  return text.length > columns - 1 ? text.slice(0, Math.max(0, columns - 1)) : text;
}

function seconds(count: number): string {
  if (count < 60) return `${Math.ceil(count)} s`;
  return `${Math.floor(count / 60)} min ${Math.ceil(count % 60)} s`;
}
