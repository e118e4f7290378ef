import type { Interfaces } from '@oclif/core';
import { boolean, string } from '@oclif/core/flags';
import { IGNORED_FLANNEL_FLAGS, SETTINGS, type SettingDefinition } from '../config/settings-definitions.js';

const HELP_VALUE: Readonly<Partial<Record<SettingDefinition['type'], string>>> = {
  path: 'PATH',
  integer: 'N',
  duration: 'TIME',
  address: 'ADDRESS',
  prefix: 'PREFIX',
  share: 'SHARE',
};

/** A flag for every setting, under our name and (hidden) under flanneld's; and those of flanneld that do nothing here. */
export const SETTING_FLAGS: Interfaces.FlagInput = {
  ...Object.fromEntries(
    SETTINGS.flatMap((setting) => {
      const { flag, flannelFlag, secret } = setting;
      // A secret on the command line is in everybody's process list: understood for flanneld's sake, not advertised.
      const own = [flag, flagOf(setting, secret ? 'hidden' : 'shown')] as const;
      return flannelFlag === undefined || flannelFlag === flag
        ? [own]
        : [own, [flannelFlag, flagOf(setting, 'hidden')] as const];
    }),
  ),
  ...Object.fromEntries(IGNORED_FLANNEL_FLAGS.map(({ flag, why }) => [flag, string({ hidden: true, summary: why })])),
};

function flagOf(
  { type, multiple, choices, description, defaultText, group }: SettingDefinition,
  show: 'shown' | 'hidden',
) {
  const about = {
    summary: defaultText === '' ? description : `${description} [default: ${defaultText}]`,
    helpGroup: `${group} settings`,
    hidden: show === 'hidden',
  };
  if (type === 'boolean') return boolean({ ...about, allowNo: true });
  const helpValue = choices?.join('|') ?? HELP_VALUE[type];
  // Values are checked with those of the other sources, so that a mistake reads the same wherever it was made.
  const option = { ...about, ...(helpValue === undefined ? {} : { helpValue }) };
  return multiple ? string({ ...option, multiple: true, multipleNonGreedy: true }) : string(option);
}
