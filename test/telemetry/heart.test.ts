import { expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { alive, isWell, ready } from '../../src/telemetry/health.js';
import { heart } from '../../src/telemetry/heart.js';
import { viewOf } from './view.js';

/** A heart whose time the test makes. */
function beating() {
  let nowMs = 0;
  let due: (() => void) | undefined;
  const made = heart({
    tickMs: 5000,
    onTick: () => {},
    clock: {
      nowMs: () => nowMs,
      after: (_, run) => {
        due = run;
        return () => {
          due = undefined;
        };
      },
    },
  });
  return {
    ...made,
    /** One tick later, with what was asked then answered if it ever is. */
    async tick(): Promise<void> {
      nowMs += 5000;
      due?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    isTicking: () => due !== undefined,
  };
}
const error = new FlanError('E_STORE_UNREACHABLE', 'etcd is away', { retry: true });

it('is alive and not ready before there is a run, and says what is waited for', async () => {
  const made = beating();
  for (let i = 0; i < 100; i++) await made.tick();
  made.tell({ type: 'waiting', error });
  expect(isWell(alive(made.vitals()))).toBe(true);
  expect(ready(made.vitals())).toMatchObject([{ state: 'failed', detail: 'waiting: etcd is away' }]);
});

it('notices that the kernel is not heard any more, and that it is heard again', async () => {
  const made = beating();
  let isDeaf = false;
  made.look(viewOf({ echo: () => (isDeaf ? new Promise(() => {}) : Promise.resolve()) }));
  for (let i = 0; i < 100; i++) await made.tick();
  expect(isWell(alive(made.vitals()))).toBe(true);
  isDeaf = true;
  for (let i = 0; i < 12; i++) await made.tick();
  expect(isWell(alive(made.vitals()))).toBe(true);
  await made.tick();
  expect(alive(made.vitals())).toMatchObject([{ state: 'ok' }, { name: 'kernel events', state: 'failed' }]);
  isDeaf = false;
  await made.tick();
  expect(isWell(alive(made.vitals()))).toBe(true);
});

it('is not ready once the lease is lost, and stops when it is closed', () => {
  const made = beating();
  made.look(viewOf());
  expect(isWell(ready(made.vitals()))).toBe(true);
  made.tell({ type: 'lease-lost', error });
  expect(isWell(ready(made.vitals()))).toBe(false);
  made.close();
  expect(made.isTicking()).toBe(false);
});
