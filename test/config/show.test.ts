import { expect, it } from 'vitest';
import { SETTINGS } from '../../src/config/settings.js';
import { settingsMarkdown } from '../../src/config/show.js';

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
