import { expect, it } from 'vitest';
import { loadSettings } from '../../src/config/settings.js';
import { lookupsOf, selectionOf } from '../../src/host/selection.js';

it('turns settings into a selection, patterns compiled', async () => {
  const { settings } = await loadSettings({
    flags: {
      iface: ['eth1'],
      'iface-regex': ['(?i)^ETH', '^10\\.'],
      'iface-can-reach': '10.0.0.1',
      'public-ip': '203.0.113.7',
    },
    env: {},
    cwd: '/',
    readFile: () => undefined,
    exists: () => false,
  });
  const selection = selectionOf(settings);
  expect(selection).toEqual({
    iface: ['eth1'],
    ifaceRegex: [/^ETH/i, /^10\./],
    ifaceCanReach: '10.0.0.1',
    publicIp: '203.0.113.7',
    publicIpv6: undefined,
  });
  expect([lookupsOf(selection), lookupsOf({})]).toEqual([['10.0.0.1'], []]);
});
