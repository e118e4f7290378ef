import type { ConfigText } from '../model/host-state.js';
import { type Check, type Finding, found, well } from './finding.js';
import { assignments, inReadingOrder, type Layout } from './ini.js';
import { managerNamed } from './managers.js';

const LAYOUT: Layout = {
  main: 'networkd.conf',
  dropIns: 'networkd.conf.d',
  folders: ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'],
};

/** systemd's spellings of no; anything else that it understands means yes, which is the default too. */
const NO: ReadonlySet<string> = new Set(['0', 'no', 'n', 'false', 'f', 'off']);

/** What is set last, and where; undefined: the default, yes. */
export function networkdSetting(files: readonly ConfigText[], key: string) {
  const all = inReadingOrder(files, LAYOUT).flatMap(assignments);
  const last = all.findLast((one) => one.section === 'Network' && one.key === key && one.value !== '');
  return last && { isNo: NO.has(last.value.toLowerCase()), where: `${last.path}:${last.line}` };
}

/** systemd-networkd removes routes that it did not make when it starts and when a link changes. */
export const networkd: Check = {
  name: 'systemd-networkd',
  judge: ({ host }) => {
    if (managerNamed(host, 'systemd-network') === undefined) return well('does not run here');
    const setting = networkdSetting(host.networkdFiles, 'ManageForeignRoutes');
    if (setting?.isNo === true) return well(`leaves foreign routes alone (${setting.where})`);
    const why = setting === undefined ? 'its default' : setting.where;
    const finding: Finding = {
      code: 'D_NETWORKD_ROUTES',
      severity: 'warning',
      what: `systemd-networkd runs with ManageForeignRoutes=yes (${why}): it removes flan's routes when it restarts`,
      fix:
        "Write '[Network]' and 'ManageForeignRoutes=no' into /etc/systemd/networkd.conf.d/flan.conf, then restart systemd-networkd. " +
        '`flan watch` puts routes back that are removed.',
    };
    return found([finding], '');
  },
};
