import type { Notice, Outcome } from '../../src/drivers/driver.js';
import type { ObservedWorld } from '../../src/drivers/drivers.js';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import { type Route, RTPROT_FLAN } from '../../src/kinds/route.js';
import type { Key, Resource } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';

type ToldChange = Exclude<Notice, { type: 'host' }>;

/** How many of the next steps come to nothing, and why. */
export interface Trouble {
  readonly status: 'failed' | 'lost answer';
  count: number;
}

/** A routing table that does what the kernel does, tells it late, and knows who made what. */
export class FakeKernel {
  readonly routes = new Map<Key, Route>();
  /** Told, but not yet heard. */
  readonly events: ToldChange[] = [];
  /** Foreign routes that were changed or deleted although they never carried our mark under that key. */
  readonly trespasses: string[] = [];
  readonly #everOurs = new Set<Key>();

  /** Somebody else adds, replaces or (with undefined) deletes. */
  disturb(key: Key, route: Route | undefined): void {
    if (route === undefined) {
      if (this.routes.delete(key)) this.events.push({ type: 'gone', key });
      return;
    }
    this.#set(key, route);
    this.events.push({ type: 'seen', key, resource: route });
  }

  /** The queue overran: what it held is lost, and that is told. */
  overrun(): void {
    this.events.length = 0;
    this.events.push({ type: 'doubt', why: 'events were lost' });
  }

  dump(wants: (key: Key) => boolean): ObservedWorld {
    const observed = new Map<Key, Resource>();
    for (const [key, route] of this.routes) if (isOurs(route) || wants(key)) observed.set(key, route);
    return { observed, foreign: {} };
  }

  perform(steps: readonly Step[], trouble: Trouble): Outcome[] {
    return steps.map((step) => {
      if (trouble.count > 0) {
        trouble.count--;
        // An answer may be lost after the kernel did what was asked.
        if (trouble.status === 'lost answer') this.#do(step);
        return trouble.status === 'failed'
          ? { step, status: 'failed', error: new FlanError('E_NETLINK', 'no memory', { retry: true }) }
          : { step, status: 'raced', error: new FlanError('E_RACE', 'the answer was lost', { retry: true }) };
      }
      return this.#do(step);
    });
  }

  #do(step: Step): Outcome {
    const { key } = step;
    const standing = this.routes.get(key);
    if (step.action === 'delete') {
      // The request names the mark, so only a route that still carries it goes.
      if (standing?.proto === (step.before as Route).proto) this.#take(key);
      return { step, status: 'done' };
    }
    const after = step.after as Route;
    if (step.action === 'create' && standing !== undefined) {
      if (kinds.differing(standing, after).length === 0) return { step, status: 'done' };
      return { step, status: 'raced', error: new FlanError('E_RACE', `${key} exists`, { retry: true }) };
    }
    if (standing !== undefined) this.#check(key, step.action);
    this.#set(key, after);
    return { step, status: 'done' };
  }

  #take(key: Key): void {
    this.#check(key, 'delete');
    this.routes.delete(key);
  }

  #set(key: Key, route: Route): void {
    this.routes.set(key, route);
    if (isOurs(route)) this.#everOurs.add(key);
  }

  #check(key: Key, action: Step['action']): void {
    const standing = this.routes.get(key);
    if (action === 'adopt' || standing === undefined || isOurs(standing) || this.#everOurs.has(key)) return;
    this.trespasses.push(`${action} ${key} of protocol ${standing.proto}`);
  }
}

export const isOurs = ({ proto }: Route): boolean => proto === RTPROT_FLAN;
