import { expect } from 'vitest';
import { labTest, peerLease } from '../support/lab.js';
import type { Between } from '../support/lab-session.js';
import { watching } from './watching.js';

labTest('an end waits for the round in hand, and says nothing after its last word', {}, async (lab) => {
  const node = lab.node();
  lab.put('node-b.yaml', peerLease('b'));
  let release: (() => void) | undefined;
  let isDone = false;
  const perform: Between['perform'] = async (steps, go) => {
    await new Promise<void>((resolve) => (release = resolve));
    const outcomes = await go(steps);
    isDone = true;
    return outcomes;
  };
  await watching(node, { perform }, async ({ events, until, stop }) => {
    await until(() => release !== undefined);
    const stopped = stop().then(() => isDone);
    release?.();
    expect(await stopped).toBe(true);
    expect(events.at(-1)).toEqual({ type: 'stopped', why: 'asked to' });
    expect(events.map(({ type }) => type)).not.toContain('ready');
  });
});
