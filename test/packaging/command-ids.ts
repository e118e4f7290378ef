import { loadCommands } from '../../src/commands/index.js';

const COMMANDS = await loadCommands();

/** Of every command that people start. */
export const COMMAND_IDS: readonly string[] = Object.keys(COMMANDS).filter((id) => COMMANDS[id]?.hidden !== true);
