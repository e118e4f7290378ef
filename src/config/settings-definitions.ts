import {
  type FlannelNotation,
  type Row,
  type SettingGroup,
  type SettingKey,
  type Settings,
  TABLE,
} from './settings-table.js';
import type { TypeName } from './value-types.js';

/** `FLAN_ETCD_ENDPOINTS` of `etcd-endpoints`. */
const variable = (start: string, flag: string) => `${start}_${flag.toUpperCase().replaceAll('-', '_')}`;

/** One row of the table with its names. */
export interface SettingDefinition {
  /** In files: `etcdEndpoints`. */
  readonly key: SettingKey;
  /** Without dashes: `etcd-endpoints`. */
  readonly flag: string;
  /** `FLAN_ETCD_ENDPOINTS`. */
  readonly env: string;
  readonly type: TypeName;
  readonly multiple: boolean;
  readonly choices?: readonly string[];
  /** Completes "must be …". */
  readonly expects: string;
  readonly description: string;
  readonly default: Settings[SettingKey];
  /** The default for people; empty when there is none. */
  readonly defaultText: string;
  readonly group: SettingGroup;
  readonly secret: boolean;
  readonly flannelFlag?: string;
  readonly flannelEnv?: string;
  readonly flannelNotation?: FlannelNotation;
  /** @returns undefined when `raw` is not a value of this setting; `base` is where relative paths start */
  decode(raw: unknown, base: string): Settings[SettingKey];
  format(value: unknown): string;
}

export const SETTINGS: readonly SettingDefinition[] = Object.entries(TABLE).map(([key, row]) =>
  define(key as SettingKey, row as Row<unknown>),
);

function define(key: SettingKey, row: Row<unknown>): SettingDefinition {
  const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { type, group, description, flannelFlag, flannelVariable } = row;
  const format = (value: unknown) => (value === undefined ? '' : type.format(value as never));
  return {
    key,
    flag,
    env: variable('FLAN', flag),
    type: type.name,
    multiple: type.multiple,
    ...(type.choices && { choices: type.choices }),
    expects: type.expects,
    description,
    default: row.default as Settings[SettingKey],
    defaultText: row.defaultText ?? format(row.default),
    group,
    secret: type.name === 'secret',
    ...(flannelFlag !== undefined && { flannelFlag, flannelEnv: variable('FLANNELD', flannelFlag) }),
    ...(flannelVariable !== undefined && { flannelEnv: flannelVariable }),
    ...(row.flannelNotation && { flannelNotation: row.flannelNotation }),
    decode: (raw, base) => type.decode(raw, base) as Settings[SettingKey],
    format,
  };
}

export interface IgnoredFlannelFlag {
  readonly flag: string;
  readonly env: string;
  readonly why: string;
}

/** What flanneld understands and flan has no use for: accepted, and told. */
export const IGNORED_FLANNEL_FLAGS: readonly IgnoredFlannelFlag[] = [
  ['iptables-resync', 'rules are repaired when the kernel reports a change'],
  ['vmodule', 'set logLevel instead'],
  ['log_backtrace_at', 'use --debug instead'],
  ['logtostderr', 'logs always go to standard error'],
].map(([flag = '', why = '']) => ({ flag, env: variable('FLANNELD', flag), why }));
