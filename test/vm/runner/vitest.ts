// What `import … from 'vitest'` means inside the VM: the same test collector and the same matchers, without the rest of
// vitest, whose start alone takes 15 s on an emulated CPU.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  addCustomEqualityTesters,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import type { ExpectStatic } from 'vitest';

export type { TestContext } from '@vitest/runner';
export { afterAll, afterEach, beforeAll, beforeEach, describe, it, onTestFinished, test } from '@vitest/runner';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const globals = globalThis as unknown as Record<PropertyKey, object>;

function makeExpect(): ExpectStatic {
  const made = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as ExpectStatic;
  Object.assign(made, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT], {
    getState: () => getState(made),
    setState: (state: object) => setState(state, made),
    extend: (matchers: object) => (chai.expect as unknown as ExtendHost).extend(made, matchers),
    addEqualityTesters: addCustomEqualityTesters,
  });
  setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, made);
  made.extend(customMatchers);
  // The matchers find their state through this name.
  Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: made, configurable: true });
  return made;
}

interface ExtendHost {
  extend(made: ExpectStatic, matchers: object): void;
}

export const expect = makeExpect();
