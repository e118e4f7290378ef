import { expect, test } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { wireguardScenarios } from './scenarios.js';

// On a kernel without WireGuard these go by wireguard-go, and need no VM.
const missing = ['wireguard-go', 'wg'].filter((program) => !isInstalled(program, {}));

if (missing.length === 0) wireguardScenarios({ needs: ['tun'], healing: ['4', '6', '46'] });
else {
  test('wireguard', ({ skip }) => {
    if (process.env.FLAN_REQUIRE_KERNEL === '1') expect(missing).toEqual([]);
    process.stderr.write(`SKIPPED wireguard: ${missing.join(' and ')} not installed\n`);
    skip(`${missing.join(' and ')} not installed`);
  });
}
