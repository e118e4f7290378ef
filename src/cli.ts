// With it oclif comes, which listens for lost output and throws: before `main`, which puts its own listener there.
import './commands/base.js';
import { formatAsked, given, requested } from './commands/argv.js';
import { bareConfig } from './commands/bare-config.js';
import { COMMANDS, loadCommands } from './commands/index.js';
import { orInterruption } from './commands/interrupt.js';
import { errorDocument, errorText } from './commands/render-error.js';
import { colours, flushed, settleEnvironment, standardOutput, tolerateLostOutput } from './commands/streams.js';
import { unknownCommand } from './commands/usage.js';
import { asFlanError, FlanError } from './errors.js';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.js';
import { leave } from './sys/leave.js';

export { loadCommands };

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<never> {
  tolerateLostOutput();
  settleEnvironment(process.env);
  let code: ExitCode;
  try {
    code = await run(argv);
  } catch (thrown) {
    code = fail(thrown, argv);
  }
  await flushed();
  if (standardOutput.failure !== undefined && (code === EXIT.ok || code === EXIT.changes)) {
    code = fail(outputLost(standardOutput.failure), []);
  }
  // Not left to the event loop: a connection that somebody forgot must not keep a finished command alive.
  leave(code);
}

async function run(argv: readonly string[]): Promise<ExitCode> {
  const ids = Object.keys(COMMANDS);
  const request = requested(argv, ids);
  if (request.type === 'unknown') throw unknownCommand(request.words, ids);
  if (request.type === 'help') {
    const { showHelp } = await import('./commands/help.js');
    await showHelp(request.words);
    return EXIT.ok;
  }
  const command = await COMMANDS[request.id]?.();
  if (command === undefined) throw unknownCommand([request.id], ids);
  command.id = request.id;
  return new command([...request.argv], bareConfig()).invoke();
}

/** Whoever reads a plan from a file must not take a part of it for the whole. */
const outputLost = (cause: NodeJS.ErrnoException): FlanError =>
  new FlanError('E_FILE', `what was printed is not complete: stdout cannot be written (${cause.code})`, {
    hint: 'Make room where stdout goes, and run the command again.',
    cause,
  });

/** Tells what went wrong: one JSON document on stdout under `--json`, unless one is there already; else on stderr. */
function fail(thrown: unknown, argv: readonly string[]): ExitCode {
  const error = asFlanError(orInterruption(thrown));
  const detail = given(argv, '--debug') || process.env.FLAN_DEBUG ? 'debug' : 'normal';
  const format = formatAsked(argv);
  if (format === 'ndjson') {
    process.stdout.write(`${JSON.stringify({ type: 'error', ...errorDocument(error, detail).error })}\n`);
  } else if (format === 'json' && standardOutput.document === undefined) {
    process.stdout.write(`${JSON.stringify(errorDocument(error, detail), undefined, 2)}\n`);
  } else {
    process.stderr.write(errorText(error, { detail, chalk: colours.stderr }));
  }
  return exitCodeOf(error);
}
