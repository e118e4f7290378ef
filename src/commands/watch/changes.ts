import type { SettingKey, Settings } from '../../config/settings.js';
import { FlanError } from '../../errors.js';

/** What names the daemon, or finds again what it made: only a new process can have another. */
const FIXED: readonly SettingKey[] = [
  'store',
  'node',
  'nodeId',
  'netns',
  'runtimeDir',
  'subnetFile',
  'routeProtocol',
] as const;

/** What changes without a new run. */
const LIVE: ReadonlySet<string> = new Set<SettingKey>([
  'stateDir',
  'logLevel',
  'logFormat',
  'healthzIp',
  'healthzPort',
  'healthzSocket',
]);

/** The settings that differ, by name: values may be secret. */
export function changedSettings(before: Settings, after: Settings): readonly SettingKey[] {
  const keys = Object.keys(after) as readonly SettingKey[];
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** @throws {FlanError} E_CONFIG for a change that a running daemon cannot take */
export function refuseFixed(changed: readonly SettingKey[]): void {
  const fixed = changed.filter((key) => FIXED.includes(key));
  if (fixed.length === 0) return;
  throw new FlanError('E_CONFIG', `${fixed.join(', ')} cannot change while flan watch runs`, {
    hint: 'Restart it: everything stays in place meanwhile.',
  });
}

export const needsNewRun = (changed: readonly string[]): boolean => changed.some((key) => !LIVE.has(key));
