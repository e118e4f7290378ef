import { expect, it } from 'vitest';
import { loadSettings, SETTINGS } from '../../src/config/settings.js';
import { settingsMarkdown, showSettings } from '../../src/config/show.js';

it('documents every setting once, in its group', () => {
  const text = settingsMarkdown();
  for (const { key, flag, env, description } of SETTINGS) {
    const rows = text.split('\n').filter((line) => line.startsWith(`| \`${key}\` |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(`\`--${flag}\`<br>\`${env}\``);
    expect(rows[0]).toContain(description);
    expect(rows[0]?.split(' | ')).toHaveLength(6);
  }
  expect(text).toContain('| `resyncInterval` | `--resync-interval`<br>`FLAN_RESYNC_INTERVAL` | duration | 5m |');
  expect(text).not.toContain('undefined');
});

it('tells values as they would be written, and defaults that are found out later in words', async () => {
  const sources = { cwd: '/', readFile: () => undefined, exists: () => false };
  const shown = showSettings(
    await loadSettings({ flags: { 'lease-ttl': '36h' }, env: { FLAN_IFACE: 'a,b' }, ...sources }),
  );
  const told = (key: string) => shown.filter((s) => s.key === key).map(({ value, origin }) => [value, origin])[0];
  expect(told('leaseTtl')).toEqual(['1d12h', 'flag --lease-ttl']);
  expect(told('iface')).toEqual(['a,b', 'environment FLAN_IFACE']);
  expect(told('node')).toEqual(['', 'default: the host name']);
  expect(told('publicIp')).toEqual(['', 'default: the address of the interface']);
  expect(told('etcdUsername')).toEqual(['', 'default']);
});
