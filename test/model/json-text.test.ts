import { describe, expect, it } from 'vitest';
import type { FlanError } from '../../src/errors.js';
import { parseJson } from '../../src/model/json-text.js';

const problemOf = (text: string): FlanError => {
  try {
    parseJson({ text, where: 'the key', code: 'E_NETWORK_CONFIG' });
  } catch (error) {
    return error as FlanError;
  }
  throw new Error(`read: ${text}`);
};

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    expect(parseJson({ text: '{"a":[1,null]}', where: 'the key', code: 'E_LEASE' })).toEqual({ a: [1, null] });
  });

  it.each([
    ['{\n "a": 1\n "b": 2}', 'the key:3:2'],
    ['{"a":', 'the key:1:6'],
    ['', 'the key:1:1'],
  ])('%j is wrong at %s', (text, where) => {
    expect(problemOf(text)).toMatchObject({ code: 'E_NETWORK_CONFIG', where });
  });

  it.each(['{"PSK": hunter2}', '{"PSK": "x", "b": hunter2 "c": @}', 'hunter2', '["hunter2]', '{"PSK":"hunter2\n"}'])(
    'never quotes %j, which may hold a secret',
    (text) => {
      const error = problemOf(text);
      const told = [error.message, error.where, error.hint, String(error.cause)].join();
      expect(told).toContain('not valid JSON');
      expect(told).not.toMatch(/hunt|nter2/);
    },
  );
});
