import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { extensionPeer } from '../../src/kinds/extension-peer.js';
import type { ExtensionStartup } from '../../src/kinds/extension-startup.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { peerCommands, startupCommands } from '../../src/report/extension-commands.js';

const dir = mkdtempSync(join(tmpdir(), 'flan-extension-commands-'));
afterAll(() => rmSync(dir, { recursive: true }));
const [mark, input, told] = [join(dir, 'mark'), join(dir, 'input'), join(dir, 'told')];

const peer = (data: string, shell: boolean) =>
  extensionPeer({
    network: '10.244.0.0/16',
    subnet: parsePrefix('10.244.2.0/24'),
    publicIp: parseAddress('192.168.10.2'),
    data,
    variables: { OWN_MTU: '1450' },
    add: shell
      ? { run: `cat >${input}; printf %s "$BACKEND_DATA,$SUBNET,$OWN_MTU" >${told}`, shell }
      : { run: ['sh', '-c', `cat >${input}; printf %s "$1" >${told}`, 'x', '$SUBNET $PUBLIC_IP'], shell },
    afterStartup: false,
  });

const data = [
  `$(touch ${mark})`,
  `\`touch ${mark}\``,
  `'; touch ${mark}; '`,
  `" ; touch ${mark} #`,
  `a\ntouch ${mark}`,
  `\u001b[2J\r$(touch ${mark})`,
  `\\'$(touch ${mark})`,
  '-n',
  '%s%d\\n',
  'ä\u202eö',
];

it.each(data)('hands on %j as data, whoever runs the script', (text) => {
  for (const shell of [true, false]) {
    const [script = ''] = peerCommands('add', peer(text, shell));
    // Nothing in it moves a cursor.
    expect(script.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    execFileSync('sh', ['-euc', script]);
    expect(readFileSync(input, 'utf8')).toBe(`${text}\n`);
    expect(readFileSync(told, 'utf8')).toBe(shell ? `${text},10.244.2.0/24,1450` : '10.244.2.0/24 192.168.10.2');
  }
  expect(existsSync(mark)).toBe(false);
});

it('says where there is nothing to run', () => {
  const startup: ExtensionStartup = { kind: 'extension-startup', network: 'n', variables: {}, state: 'applied' };
  for (const verb of ['add', 'del'] as const) {
    expect(startupCommands(verb, startup)).toEqual(['# no command is configured for this']);
  }
  expect(peerCommands('del', peer('', false))).toEqual(['# no command is configured for this']);
});
