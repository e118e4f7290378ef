import type { Action } from '../planner/plan.js';

/** How words are coloured; the shell decides whether they are at all. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const asIs = (text: string): string => text;

export const plain: Paint = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

export type Verb = Action | 'conflict';

/** One vocabulary for every format: a symbol and a word, so that colour never carries the meaning alone. */
export const VERBS: Readonly<Record<Verb, { readonly symbol: string; readonly colour: keyof Paint }>> = {
  delete: { symbol: '-', colour: 'red' },
  replace: { symbol: '-/+', colour: 'yellow' },
  update: { symbol: '~', colour: 'yellow' },
  adopt: { symbol: '>', colour: 'cyan' },
  create: { symbol: '+', colour: 'green' },
  conflict: { symbol: '!', colour: 'red' },
};

/** What people must see first. */
export const READING_ORDER: readonly Action[] = ['delete', 'replace', 'update', 'adopt', 'create'];
