import { type LoadedSettings, SETTINGS, type SettingKey } from './settings.js';

/** One setting for people: its value as it would be written, and where it comes from. */
export interface ShownSetting {
  readonly key: SettingKey;
  /** Empty when there is none; `(set)` for a secret. */
  readonly value: string;
  readonly origin: string;
  readonly description: string;
}

export const showSettings = ({ settings, origins }: Omit<LoadedSettings, 'warnings'>): readonly ShownSetting[] =>
  SETTINGS.map(({ key, description, format, defaultText }) => ({
    key,
    value: format(settings[key]),
    // A default that is found out later is told in words: `default: the host name`.
    origin: settings[key] === undefined && defaultText !== '' ? `default: ${defaultText}` : origins[key].text,
    description,
  }));

/** The reference of all settings, one table per group. */
export function settingsMarkdown(): string {
  const groups = [...new Set(SETTINGS.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const rows = SETTINGS.filter((setting) => setting.group === group).map(
      ({ key, flag, env, type, multiple, choices, description, defaultText, flannelFlag, flannelEnv = '' }) =>
        `| ${[
          `\`${key}\``,
          `\`--${flag}\`<br>\`${env}\``,
          choices ? choices.join(', ') : multiple ? `${type}, repeatable` : type,
          defaultText.replace(/,(?! )/g, ', '),
          flannelFlag ? `\`--${flannelFlag}\`` : flannelEnv && `\`${flannelEnv}\``,
          description,
        ].join(' | ')} |`,
    );
    return [
      `## ${group[0]?.toUpperCase()}${group.slice(1)}`,
      '',
      '| setting | flag, variable | type | default | flanneld | meaning |',
      '|---|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return sections.join('\n');
}
