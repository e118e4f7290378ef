import { stringify } from 'yaml';

/** Plain data as YAML, as JSON has it: the same members in the same order. */
export const yamlText = (value: unknown): string =>
  stringify(JSON.parse(JSON.stringify(value)), { aliasDuplicateObjects: false, lineWidth: 0 });
