import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { FlanError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { FORMAT_VERSION } from '../version.js';
import { BaseCommand } from './base.js';

export class InstallCni extends BaseCommand {
  static override readonly summary = 'Put the CNI configuration where the container runtime finds it';
  static override readonly description =
    `What the init container of the DaemonSet runs. The file is checked, and replaced in one step; nothing is written when
it is there already. A configuration under another of flannel's names and copies of a run that was killed are removed.
The paths are those of kube-flannel.yml.`;
  static override readonly examples = [
    '<%= config.bin %> install-cni',
    '<%= config.bin %> install-cni --conf cni-conf.json --dir /etc/cni/net.d --name 10-flannel.conflist',
  ];
  static override readonly flags = {
    conf: string({
      helpValue: 'FILE',
      summary: 'Configuration to install',
      default: '/etc/kube-flannel/cni-conf.json',
    }),
    dir: string({ helpValue: 'PATH', summary: 'Folder that the runtime reads', default: '/etc/cni/net.d' }),
    name: string({ helpValue: 'NAME', summary: 'Name of the file there', default: '10-flannel.conflist' }),
    plugins: string({
      helpValue: 'PATH',
      summary: 'Folder of the plugins, /opt/cni/bin mostly: look whether those that are named are there',
    }),
  };

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(InstallCni);
    if (!/^[^./][^/]*\.conflist$/.test(flags.name)) {
      throw new FlanError(
        'E_USAGE',
        `--name must be a file name that ends in .conflist, not ${JSON.stringify(flags.name)}`,
        {
          hint: 'Runtimes read no list under another name; 10-flannel.conflist is what flannel uses.',
        },
      );
    }
    const { installCni } = await import('../host/install-cni.js');
    const { path, state, removed, warnings } = installCni({
      source: resolve(flags.conf),
      folder: resolve(flags.dir),
      name: flags.name,
      programs: flags.plugins === undefined ? undefined : resolve(flags.plugins),
    });
    for (const warning of warnings) this.caution(warning);
    const document = { format_version: FORMAT_VERSION, kind: 'flan.install-cni', path, state, removed, warnings };
    if (flags.json) this.print(document);
    else this.out([`${state} ${path}`, ...removed.map((file) => `removed ${file}`), ''].join('\n'));
    return EXIT.ok;
  }
}
