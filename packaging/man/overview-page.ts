import { EXIT, EXIT_MEANING, type ExitName } from '../../src/exit-codes.js';
import type { CommandAbout, FlagAbout } from '../about.js';
import { flagItem, pageName } from './command-page.js';
import { bold, escaped, italic, item, literal, paragraphs, reference, section } from './roff.js';

const ABOUT = `flan gives every node of a cluster a subnet of one overlay network and keeps the node's routes, tunnels, neighbours,
packet filter rules and files in line with the subnets ("leases") of all the others. It reads and writes what flannel does.

\`flan plan\` shows what would change and why, and changes nothing. \`flan apply\` makes those changes once and verifies them.
\`flan watch\` is the daemon: it follows leases and kernel, and repairs what others break. Everything it made stays in place
when it stops. \`flan destroy\` removes what carries flan's mark, and nothing else.

Data goes to stdout, everything else to stderr.`;

const FILES = [
  ['/etc/flan/config.yaml', 'Settings of this host.'],
  ['./flan.yaml', 'Settings of a folder, which win over those.'],
  ['/etc/default/flan', 'Variables for the service.'],
  ['/var/lib/flan/leases', 'Where the file store keeps leases, unless `leases` says otherwise.'],
  ['/var/lib/flan/history.ndjson', 'What was changed on this host, for `flan history` (`stateDir`).'],
  ['/run/flan', 'Locks, journals and checkpoints (`runtimeDir`).'],
  ['/run/flannel/subnet.env', "This node's subnet and MTU, for the container runtime (`subnetFile`)."],
  ['/etc/iproute2/rt_protos.d/flan.conf', "Lets `ip route` print protocol 70, the mark of flan's routes, by name."],
] as const;

const VARIABLES = [
  ['FLAN_CONFIG', 'The settings file, as `-c`.'],
  ['FLAN_*, FLANNELD_*', 'Every setting: see flan.yaml(5).'],
  ['FLAN_DEBUG', 'When set, errors come with their stack, as with `--debug`.'],
  ['NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE', 'Whether output is coloured; by default when it is a terminal.'],
] as const;

export interface OverviewInput {
  readonly commands: readonly CommandAbout[];
  readonly common: readonly FlagAbout[];
}

/** flan(8). */
export function overviewPage({ commands, common }: OverviewInput): readonly string[] {
  const codes = (Object.keys(EXIT) as ExitName[]).map((name) =>
    item(bold(String(EXIT[name])), `${EXIT_MEANING[name]}.`),
  );
  return [
    ...section('SYNOPSIS', [`${bold('flan')}\n${italic('COMMAND')}\n[${italic('ARGUMENTS')}]\n[${italic('FLAGS')}]`]),
    ...section('DESCRIPTION', paragraphs(ABOUT)),
    ...section(
      'COMMANDS',
      commands.flatMap((command) => item(reference(pageName(command), 8), `${command.summary}.`)),
    ),
    ...section('OPTIONS', [
      '.PP',
      'Every command takes these; most take every setting of',
      `${reference('flan.yaml', 5)} as a flag too.`,
      ...common.flatMap(flagItem),
      ...item(`${bold('-h')}, ${bold('--help')}`, 'Explain the command.'),
      ...item(`${bold('-V')}, ${bold('--version')}`, 'Print the version; without a command.'),
    ]),
    ...section(
      'EXAMPLES',
      literal(['flan init cluster && cd cluster', 'flan plan', 'sudo flan apply', 'sudo flan watch']),
    ),
    ...section('EXIT STATUS', codes.flat()),
    ...section(
      'ENVIRONMENT',
      VARIABLES.flatMap(([name, text]) => item(bold(name), text)),
    ),
    ...section(
      'FILES',
      FILES.flatMap(([path, text]) => item(bold(path), text)),
    ),
    ...section('SIGNALS', [
      '.PP',
      escaped('Of '),
      `${bold('flan watch')}: ${bold('SIGHUP')} reads settings and network config again, ${bold('SIGTERM')} ends it and`,
      `leaves everything in place, ${bold('SIGUSR1')} writes what it knows to`,
      `${bold('watch-state.json')} in the runtime directory.`,
    ]),
    ...section('SEE ALSO', [
      '.PP',
      `${reference('flan.yaml', 5)}, ${reference('ip-route', 8)}, ${reference('systemctl', 1)}`,
    ]),
  ];
}
