import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../model/ip.js';
import type { Resource } from '../planner/kind.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { netnsInode } from '../sys/netns.js';
import { netnsIdentity } from '../sys/netns-cookie.js';
import { VERSION } from '../version.js';
import { nfGeneration } from './glance.js';
import type { RuleSetTool } from './rule-sets.js';
import type { SharedToolbox } from './run-tool.js';

/** What a program told of our rules, and of which state of the kernel it told that. */
interface Memory {
  readonly state: State;
  /** By family; null: there was nothing of ours. */
  readonly found: Readonly<Partial<Record<Family, unknown>>>;
}

/** As long as all of it is the same, so is what the program would tell. */
interface State {
  readonly flan: string;
  readonly program: string;
  readonly netns: string;
  /** nf_tables counts the transactions of a network namespace. */
  readonly generation: number;
}

/**
 * The same tool, which runs its program only when the kernel's rules are others than those that it told of last: to look
 * a second time costs one question by netlink. For tools of nf_tables only.
 */
export function remembering<R extends Resource & { readonly family: Family }>(
  tool: RuleSetTool<R>,
  { toolbox, program }: { readonly toolbox: SharedToolbox; readonly program: () => string | undefined },
): RuleSetTool<R> {
  const { memoryDir, netns } = toolbox;
  if (memoryDir === undefined) return tool;
  const stateNow = (): State | undefined => {
    const file = program();
    const generation = file === undefined ? undefined : nfGeneration(toolbox);
    if (file === undefined || generation === undefined) return undefined;
    return { flan: VERSION, program: buildOf(file), netns: netnsIdentity(netns), generation };
  };
  return {
    ...tool,
    read: async (family, signal) => {
      const state = stateNow();
      if (state === undefined) return tool.read(family, signal);
      const path = join(memoryDir, `${netnsInode(netns)}-${tool.name}.json`);
      const known = recall(path, state)[family];
      if (known !== undefined) return (known as R | null) ?? undefined;
      const found = await tool.read(family, signal);
      if (nfGeneration(toolbox) === state.generation) {
        keep(path, { state, found: { ...recall(path, state), [family]: found ?? null } });
      }
      return found;
    },
  };
}

/** An upgrade may print the same rules in other words. */
function buildOf(program: string): string {
  const { mtimeMs, size } = statSync(program);
  return `${program} ${mtimeMs} ${size}`;
}

function recall(path: string, state: State): Memory['found'] {
  try {
    const memory = JSON.parse(readFileSync(path, 'utf8')) as Memory;
    return JSON.stringify(memory.state) === JSON.stringify(state) ? memory.found : {};
  } catch {
    return {}; // Nobody has been here yet, or a version of ours that wrote it otherwise.
  }
}

function keep(path: string, memory: Memory): void {
  try {
    writeFileAtomic(path, `${JSON.stringify(memory)}\n`, 0o600);
  } catch {
    // No such directory, read-only, full: the next run asks the program again.
  }
}
