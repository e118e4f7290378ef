import { IGNORED_FLANNEL_FLAGS, SETTINGS } from './settings-definitions.js';
import { boolean } from './value-types.js';

const BOOLEAN = new Set(SETTINGS.filter(({ type }) => type === 'boolean').map(({ flannelFlag }) => flannelFlag));
const VALUED = new Set([
  ...SETTINGS.filter(({ type }) => type !== 'boolean').map(({ flannelFlag }) => flannelFlag),
  ...IGNORED_FLANNEL_FLAGS.map(({ flag }) => flag),
]);

/**
 * Rewrites flanneld's flags from Go's notation into ours: `-iface=eth1` → `--iface=eth1`, `--ip-masq=false` →
 * `--no-ip-masq`. Everything else stays as it is, and so does what comes after `--`.
 */
export function fromGoFlags(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') return [...words, ...argv.slice(i)];
    const [, name = '', , value] = /^--?([a-z][\w-]*)(=(.*))?$/s.exec(word) ?? [];
    if (BOOLEAN.has(name)) words.push(booleanFlag({ name, word, value }));
    else if (VALUED.has(name)) {
      words.push(value === undefined ? `--${name}` : `--${name}=${value}`);
      // The next word is its value, whatever it looks like.
      const next = argv[i + 1];
      if (value === undefined && next !== undefined) {
        words.push(next);
        i++;
      }
    } else words.push(word);
  }
  return words;
}

interface BooleanFlag {
  readonly name: string;
  readonly word: string;
  readonly value: string | undefined;
}

/** A value that Go would refuse is left for our parser to refuse. */
function booleanFlag({ name, word, value }: BooleanFlag): string {
  const on = value === undefined ? true : boolean.decode(value, '');
  return on === undefined ? word : `--${on ? '' : 'no-'}${name}`;
}
