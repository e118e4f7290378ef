import type { Interfaces } from '@oclif/core';
import { Command } from '@oclif/core/command';
import { boolean, string } from '@oclif/core/flags';
import { parse } from '@oclif/core/parser';
import type { ChalkInstance } from 'chalk';
import type { ExitCode } from '../exit-codes.js';
import type { Warning } from '../model/warning.js';
import { ourForms } from './flag-forms.js';
import { interruptSignal } from './interrupt.js';
import { colours, standardOutput } from './streams.js';
import { usageError } from './usage.js';

const helpGroup = 'GLOBAL';

const COMMON_FLAGS = {
  json: boolean({ summary: 'Print one JSON document', helpGroup }),
  output: string({ char: 'o', options: ['text', 'json'], summary: 'Format: text or json', helpGroup }),
  color: boolean({
    allowNo: true,
    summary: 'Colour the output, also --color=always, never or auto; default: auto, when it is a terminal',
    helpGroup,
  }),
  'no-input': boolean({ summary: 'Never ask: end with code 64 where there is a question', helpGroup }),
  debug: boolean({ summary: 'Print the stack of an error', helpGroup }),
};

/** oclif's names for a table of flags or arguments and what parsing it gives. */
type Values = Interfaces.OutputFlags<Interfaces.FlagInput>;

/**
 * What all commands share: the common flags, the streams, the interruption. A command parses its flags, wires the
 * edge, prints, and returns its exit code; what it throws is rendered by `cli.ts`.
 */
export abstract class BaseCommand extends Command {
  static override readonly baseFlags = COMMON_FLAGS;

  /** @returns the exit code of the process */
  abstract override run(): Promise<ExitCode>;

  /** Aborted by Ctrl-C or SIGTERM, with a FlanError as the reason that sets the exit code when it is thrown on. */
  protected get signal(): AbortSignal {
    return interruptSignal();
  }

  /** Aborted when nobody reads stdout any more. A stream of events ends then; a change under way does not. */
  protected get outputClosed(): AbortSignal {
    return standardOutput.closed;
  }

  /** For text on stdout. */
  protected get colours(): ChalkInstance {
    return colours.stdout;
  }

  /** For text on stderr. */
  protected get errorColours(): ChalkInstance {
    return colours.stderr;
  }

  /** Data, as it is, on stdout. */
  protected out(text: string): void {
    process.stdout.write(text);
  }

  /** The one document that `--json` puts on stdout. */
  protected print(document: { readonly format_version: string; readonly kind: string }): void {
    standardOutput.document = document.kind;
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  }

  /** One line for people, on stderr. */
  protected note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  protected caution(warning: Warning): void {
    const { yellow, dim } = this.errorColours;
    this.note(`${yellow.bold(`Warning ${warning.code}:`)} ${warning.message}`);
    if (warning.hint !== undefined) this.note(`  ${dim('hint:')}  ${warning.hint}`);
  }

  /**
   * Flags and arguments of this command. Unlike oclif's own it runs no hooks, never takes a missing argument from
   * stdin, and every mistake is an E_USAGE.
   */
  protected override async parse<F extends Values, B extends Values, A extends Values>(
    options: Interfaces.Input<F, B, A> = this.ctor as Interfaces.Input<F, B, A>,
    argv: string[] = this.argv,
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const flags = { ...options.baseFlags, ...options.flags } as Interfaces.FlagInput<F>;
    const args = Object.entries(options.args ?? {}).map(([name, arg]) => [name, { ...arg, ignoreStdin: true }]);
    this.parsed = true;
    try {
      const parsed = await parse([...ourForms(argv, flags)], {
        context: this,
        ...options,
        flags,
        args: Object.fromEntries(args),
      });
      // Commands with more formats, or another -o, decide themselves.
      if (!('output' in (options.flags ?? {})) && parsed.flags.output === 'json')
        Object.assign(parsed.flags, { json: true });
      return parsed;
    } catch (thrown) {
      throw usageError(thrown, { id: this.id ?? '', flags: Object.keys(flags) });
    }
  }

  /** Runs the command: without oclif's hooks, its warnings about aliases and its rendering of errors. */
  invoke(): Promise<ExitCode> {
    return this.run();
  }
}
