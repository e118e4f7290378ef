import type { BaseCommand } from './base.js';
import { Version } from './version.js';

/** What a command class is to the dispatcher. */
export type CommandClass = Omit<typeof BaseCommand, 'prototype'> &
  (new (
    ...inputs: ConstructorParameters<typeof BaseCommand>
  ) => BaseCommand);

/** Every command by its id; `:` stands where people type a space. A command is one file and one line here. */
export const COMMANDS: Readonly<Record<string, CommandClass>> = {
  version: Version,
};
