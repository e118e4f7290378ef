import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { SettingsCommand } from './settings-command.js';

export class Doctor extends SettingsCommand {
  static override readonly summary = 'Look for what keeps the overlay from working on this host, and say what to do';
  static override readonly description =
    `Looks at the store, its certificates and clock, the kernel's modules and settings, MTUs, UDP ports, subnet.env, and at
other programs that change networks. Changes nothing. As root it sees most.

Exits with 0 when no finding is an error, with 1 when one is.`;
  static override readonly examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --json | jq -r ".findings[] | [.severity, .code, .fix] | @tsv"',
  ];

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(Doctor);
    const { settings } = await this.loadSettings(flags);
    const { countOf, diagnose, doctorText, gather, identityFrom } = await import('./doctor-engine.js');
    const { node } = identityFrom(settings);
    const { facts } = await gather(settings, this.signal);
    const diagnosis = diagnose(facts);
    const [errors, warnings] = [countOf(diagnosis, 'error'), countOf(diagnosis, 'warning')];
    if (flags.json) {
      this.print({
        format_version: FORMAT_VERSION,
        kind: 'flan.doctor',
        ...{ node, store: facts.store.name, summary: { errors, warnings } },
        ...{ findings: diagnosis.findings, checks: diagnosis.examined },
      });
    } else this.out(doctorText({ ...diagnosis, node, store: facts.store.name }, this.colours));
    return errors > 0 ? EXIT.error : EXIT.ok;
  }
}
