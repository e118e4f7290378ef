/** What is drawn on, and what keys come from. */
export interface Terminal {
  readonly output: NodeJS.WriteStream;
  readonly input: NodeJS.ReadStream;
}

/** The whole of a terminal for a while. */
export interface TerminalScreen {
  readonly size: () => { readonly columns: number; readonly lines: number };
  /** Writes the lines that changed. */
  draw(lines: readonly string[]): void;
  /** Somebody else wrote on it: the next drawing draws all. */
  invalidate(): void;
  /** Gives the terminal back as it was. Safe to call twice. */
  leave(): void;
}

// xterm's control sequences: another screen, no cursor, no wrapping at the right edge; and back.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[2J';
const END_OF_LINE = '\x1b[K';
/** Where a terminal does not tell its size. */
const USUAL = { columns: 80, lines: 24 };

export interface ScreenInit extends Terminal {
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

/** Takes the terminal over; it comes back with `leave`, or when the process exits in whatever way but SIGKILL. */
export function openScreen({ output, input, onKey, onResize }: ScreenInit): TerminalScreen {
  let before: readonly string[] = [];
  let isOpen = true;
  const invalidate = (): void => {
    before = [];
  };
  const resized = (): void => {
    invalidate();
    onResize();
  };
  const heard = (chunk: string): void => {
    for (const key of keysIn(chunk)) onKey(key);
  };
  const leave = (): void => {
    if (!isOpen) return;
    isOpen = false;
    output.off('resize', resized);
    input.off('data', heard);
    process.off('exit', leave);
    // A terminal that has gone needs nothing back.
    if (!input.destroyed) input.setRawMode(false);
    input.pause();
    output.write(LEAVE);
  };
  process.on('exit', leave);
  output.on('resize', resized);
  input.setEncoding('utf8').on('data', heard);
  input.on('error', () => undefined);
  input.setRawMode(true);
  output.write(ENTER);
  return {
    size: () => ({ columns: output.columns || USUAL.columns, lines: output.rows || USUAL.lines }),
    invalidate,
    leave,
    draw(lines) {
      // A terminal that does not keep up gets the next picture instead of all of them.
      if (!isOpen || output.writableNeedDrain) return;
      const whole = before.length !== lines.length;
      const changed = lines.flatMap((line, i) =>
        whole || line !== before[i] ? [`\x1b[${i + 1};1H${line}${END_OF_LINE}`] : [],
      );
      before = lines;
      if (changed.length > 0) output.write(`${whole ? CLEAR : ''}${changed.join('')}`);
    },
  };
}

/** Several keys may come at once; that of an arrow is three characters. */
function keysIn(chunk: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what keys send
  return chunk.match(/\x1b\[[A-Z]|./gsu) ?? [];
}
