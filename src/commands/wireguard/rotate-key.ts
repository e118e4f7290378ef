import { FlanError } from '../../errors.js';
import { EXIT, type ExitCode } from '../../exit-codes.js';
import { networksOf } from '../../model/network.js';
import { FORMAT_VERSION } from '../../version.js';
import { requirePrivilege } from '../privilege.js';
import { SettingsCommand } from '../settings-command.js';

export class WireguardRotateKey extends SettingsCommand {
  static override readonly summary = 'Give this node another WireGuard key';
  static override readonly description =
    'Writes the key file, sets the devices and publishes the new public key. Peers that follow the leases go over to it ' +
    'at once, within one handshake. A daemon that serves this host does the same when it finds the file changed.';

  override async run(): Promise<ExitCode> {
    const { flags } = await this.parse(WireguardRotateKey);
    const { settings } = await this.loadSettings(flags);
    requirePrivilege('wireguard rotate-key');
    const { openSession, rotateKey, handOverKey, lockIfFree, systemClock } = await import('./engine.js');
    const { signal } = this;
    const session = await openSession(settings, signal);
    try {
      const { type } = session.network.backend;
      if (type !== 'wireguard') {
        throw new FlanError('E_UNSUPPORTED', `the network's backend is ${type}: it has no WireGuard key`, {
          hint: 'Rotate keys where Backend.Type is wireguard.',
        });
      }
      const lock = lockIfFree({
        ...settings,
        networks: networksOf(session.network),
        holder: 'flan wireguard rotate-key',
      });
      const input = { session, path: settings.wireguardKeyFile, signal };
      try {
        const rotation = await (lock ? rotateKey(input) : handOverKey({ ...input, clock: systemClock }));
        if (flags.json) this.print({ format_version: FORMAT_VERSION, kind: 'flan.rotate-key', ...rotation });
        else this.out(`public key ${rotation.before ?? '(none)'} → ${rotation.now}\n`);
        return EXIT.ok;
      } finally {
        lock?.release();
      }
    } finally {
      await session.close();
    }
  }
}
