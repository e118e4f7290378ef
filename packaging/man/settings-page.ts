import { SETTINGS, type SettingDefinition } from '../../src/config/settings-definitions.js';
import { bold, escaped, italic, item, literal, paragraphs, reference, section } from './roff.js';

const SOURCES = `A setting can be given in four ways. The first that says something wins:

a flag, \`--etcd-prefix /x\`; a variable, \`FLAN_ETCD_PREFIX=/x\`; flanneld's variable, \`FLANNELD_ETCD_PREFIX=/x\`; a line of a
settings file, \`etcdPrefix: /x\`.

A settings file is YAML or JSON with one setting per line. Read are the file that \`-c\` or \`FLAN_CONFIG\` names, else
\`./flan.yaml\`; then \`~/.config/flan/config.yaml\`, \`/etc/flan/conf.d/*.yaml\` (the last name wins) and
\`/etc/flan/config.yaml\`. An unknown key is an error that names line and column.

Durations are written \`90s\`, \`5m\`, \`24h\`. A setting that is repeatable takes a list. Relative paths start at the folder
of the file; in flags and variables, at the working directory.`;

const EXAMPLE = ['store: etcd', 'etcdEndpoints: [https://etcd-1:2379]', 'iface: [eth0]', 'ipMasq: true'];

/** flan.yaml(5): every setting, by group. */
export function settingsPage(): readonly string[] {
  const groups = [...new Set(SETTINGS.map(({ group }) => group))];
  return [
    ...section('DESCRIPTION', paragraphs(SOURCES)),
    ...groups.flatMap((group) =>
      section(`"SETTINGS: ${group.toUpperCase()}"`, SETTINGS.filter((one) => one.group === group).flatMap(settingItem)),
    ),
    ...section('EXAMPLE', literal(EXAMPLE)),
    ...section('FILES', [
      ...item(bold('/etc/flan/config.yaml'), 'The settings of this host.'),
      ...item(bold('/etc/flan/conf.d/*.yaml'), 'Parts of them; the last name wins, and all win over that file.'),
      ...item(bold('~/.config/flan/config.yaml'), 'Those of a user, which win over those of the host.'),
      ...item(bold('./flan.yaml'), 'Those of a folder, which win.'),
    ]),
    ...section('SEE ALSO', [
      '.PP',
      `${reference('flan', 8)}, ${reference('flan-config-show', 8)}, which prints every value and where it comes from`,
    ]),
  ];
}

function settingItem({ key, flag, env, type, multiple, choices, description, ...more }: SettingDefinition) {
  const what = choices?.join(' | ') ?? type;
  const { flannelFlag, flannelEnv, defaultText } = more;
  const theirs = [
    flannelFlag === undefined ? [] : `\`--${flannelFlag}\``,
    flannelEnv === undefined ? [] : `\`${flannelEnv}\``,
  ];
  return [
    ...item(
      `${bold(key)}: ${italic(what)}${multiple ? ', repeatable' : ''}`,
      `${description}.${defaultText === '' ? '' : ` Default: ${defaultText.replace(/,(?! )/g, ', ')}.`}`,
    ),
    '.IP',
    `Also ${bold(`--${flag}`)}, ${bold(env)}${theirs.flat().length === 0 ? '.' : escaped('; flanneld: ')}`,
    ...(theirs.flat().length === 0
      ? []
      : [
          `${theirs
            .flat()
            .map((name) => bold(name.replaceAll('`', '')))
            .join(', ')}.`,
        ]),
  ];
}
