import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** A process on a terminal of its own (a real pty, made by script(1)), and what its user sees. */
export interface TestTerminal {
  /** The lines of the screen as they stand now, without colours and blanks at the end. */
  screen(): readonly string[];
  /** Whether the process has the terminal for itself (another screen), as full-screen programs do. */
  isFullScreen(): boolean;
  /** Whether the cursor is shown. */
  hasCursor(): boolean;
  press(keys: string): void;
  /** Waits until the screen is as wanted. Rejects with the screen when it does not get so, or the process ends. */
  until(wanted: (screen: string) => boolean): Promise<string>;
  /** Exit code, as script(1) hands it on, when the process has ended. */
  readonly ended: Promise<number | null>;
  kill(): void;
}

export interface TerminalOptions {
  readonly columns: number;
  readonly lines: number;
  readonly env?: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 15_000;
const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

export function openTerminal(command: readonly string[], { columns, lines, env }: TerminalOptions): TestTerminal {
  const shell = `stty cols ${columns} rows ${lines}; exec ${command.map(quote).join(' ')}`;
  const child: ChildProcessWithoutNullStreams = spawn('script', ['-qefc', shell, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', ...env },
  });
  const emulator = emulate(columns, lines);
  const waiting = new Set<() => void>();
  let code: number | null | undefined;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    emulator.write(chunk);
    for (const look of waiting) look();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (status) => {
      code = status;
      resolve(status);
      for (const look of waiting) look();
    });
  });
  return {
    ...emulator,
    ended,
    press: (keys) => void child.stdin.write(keys),
    kill: () => void child.kill('SIGKILL'),
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          act();
        };
        const fail = (why: string): void =>
          finish(() => reject(new Error([`${why}; the screen is:`, ...emulator.screen()].join('\n'))));
        const look = (): void => {
          const screen = emulator.screen().join('\n');
          if (wanted(screen)) finish(() => resolve(screen));
          else if (code !== undefined) fail(`ended with ${code}`);
        };
        const timer = setTimeout(() => fail('waited too long'), PATIENCE_MS);
        waiting.add(look);
        look();
      }),
  };
}

/** As much of xterm as is used: cursor position, clearing, two screens; colours are skipped. */
function emulate(columns: number, lines: number) {
  const blank = (): string[][] => Array.from({ length: lines }, () => Array<string>(columns).fill(' '));
  let [main, other] = [blank(), blank()];
  let [row, column] = [0, 0];
  let isFull = false;
  let cursor = true;
  let rest = '';
  const control = (parameters: string, final: string): void => {
    if (final === 'H') [row, column] = parameters.split(';').map((n) => Number(n || 1) - 1) as [number, number];
    else if (final === 'J') main = blank();
    else if (final === 'K') main[row]?.fill(' ', column);
    else if (parameters === '?25') cursor = final === 'h';
    else if (parameters === '?1049' && isFull !== (final === 'h')) {
      isFull = final === 'h';
      [main, other] = [other, main];
    }
  };
  const print = (character: string): void => {
    if (character === '\r') column = 0;
    else if (character === '\n') row = Math.min(lines - 1, row + 1);
    else if (character >= ' ') {
      const line = main[row];
      if (line !== undefined && column < columns) line[column] = character;
      column++;
    }
  };
  return {
    write(chunk: string): void {
      const text = rest + chunk;
      rest = '';
      for (let i = 0; i < text.length; ) {
        if (text[i] !== '\x1b') {
          print(text[i++] ?? '');
          continue;
        }
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences start with one
        const found = /^\x1b\[([?\d;]*)([a-zA-Z])/.exec(text.slice(i));
        if (found === null) {
          rest = text.slice(i);
          return;
        }
        control(found[1] ?? '', found[2] ?? '');
        i += found[0].length;
      }
    },
    screen: (): readonly string[] => main.map((line) => line.join('').trimEnd()),
    isFullScreen: () => isFull,
    hasCursor: () => cursor,
  };
}
