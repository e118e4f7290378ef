import { type Milliseconds, parseDuration } from '../../config/duration.js';
import { FlanError } from '../../errors.js';
import { parseTarget, type Target, type Targets } from '../../planner/target.js';
import type { Confirmation } from '../../reconcile/confirm-apply.js';
import type { TargetFlags } from './flags.js';

const SHORTEST_MS = 1_000;
const LONGEST_MS = 24 * 3_600_000;
const AUTO_MS = 10_000;

/** @throws {FlanError} E_USAGE */
export function confirmationOf(text: string | undefined): Confirmation {
  if (text === undefined) return { by: 'nobody' };
  const [, isAuto, time] = /^(auto)?:?(.*)$/s.exec(text) ?? [];
  if (isAuto === undefined) return { by: 'people', withinMs: durationOf(text, '--confirm') };
  return { by: 'probes', holdMs: time ? durationOf(time, '--confirm') : AUTO_MS };
}

function durationOf(text: string, flag: string): Milliseconds {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= SHORTEST_MS && ms <= LONGEST_MS) return ms;
  throw new FlanError('E_USAGE', `${flag} must be a time from 1s to 24h, not '${text}'`, {
    hint: 'Write it with its unit: 30s, 2m, 1h30m.',
  });
}

export const lockTimeoutOf = (text: string | undefined): Milliseconds => timeOf(text ?? '0', '--lock-timeout');

export const verifyTimeoutOf = (text: string | undefined): Milliseconds => timeOf(text ?? '0', '--verify-timeout');

/** @throws {FlanError} E_USAGE */
function timeOf(text: string, flag: string): Milliseconds {
  const ms = text === '0' ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  throw new FlanError('E_USAGE', `${flag} must be a time, not '${text}'`, {
    hint: 'Write it with its unit: 30s.',
  });
}

/** @throws {FlanError} E_USAGE */
export const targetsOf = ({ target = [], exclude = [] }: TargetFlags): Targets => ({
  target: target.map(targetOf),
  exclude: exclude.map(targetOf),
});

function targetOf(text: string): Target {
  const target = parseTarget(text);
  if (target !== undefined) return target;
  throw new FlanError('E_USAGE', `'${text}' names no changes`, {
    hint: 'Write an address as `flan plan` shows it, with * for any text: route/main/10.244.3.*; or kind:route, or node:node-b.',
  });
}
