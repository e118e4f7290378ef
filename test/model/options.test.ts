import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import type { JsonObject } from '../../src/model/json.js';
import { optionReader } from '../../src/model/options.js';

const reader = (raw: JsonObject) => optionReader({ raw, path: 'Backend', where: 'net.json' });

const failure = (run: () => unknown): FlanError => {
  try {
    run();
  } catch (error) {
    if (error instanceof FlanError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('optionReader', () => {
  it('matches names whatever their case, the last spelling counting', () => {
    expect(reader({ vni: 5 }).integer('VNI')).toBe(5);
    expect(reader({ VNI: 5, vni: 6 }).integer('VNI')).toBe(6);
  });

  it('reads null and absent as not given', () => {
    expect(reader({ VNI: null }).integer('VNI')).toBeUndefined();
    expect(reader({}).boolean('DirectRouting')).toBeUndefined();
  });

  it('hands every type through', () => {
    const read = reader({
      n: 0,
      b: false,
      s: '',
      c: 'Own',
      l: ['a'],
      a: '10.0.0.1',
      p: '10.0.0.9/24',
      o: { deep: 1 },
      j: null,
    });
    expect(read.integer('N', { min: 0 })).toBe(0);
    expect(read.boolean('B')).toBe(false);
    expect(read.string('S')).toBe('');
    expect(read.oneOf('C', ['auto', 'own'])).toBe('own');
    expect(read.list('L')).toEqual(['a']);
    expect(read.address('A')).toBe('10.0.0.1');
    expect(read.prefix('P')).toBe('10.0.0.0/24');
    expect(read.object('O')?.integer('Deep')).toBe(1);
    expect(read.json('J')).toBeNull();
  });

  it.each<[string, JsonObject, (read: ReturnType<typeof reader>) => unknown, string]>([
    ['a string for an integer', { VNI: '5' }, (r) => r.integer('VNI'), 'Backend.VNI must be an integer, not "5"'],
    ['a fraction', { VNI: 1.5 }, (r) => r.integer('VNI'), 'Backend.VNI must be an integer, not 1.5'],
    [
      'out of range',
      { vni: 0 },
      (r) => r.integer('VNI', { min: 1, max: 9 }),
      'Backend.VNI must be an integer from 1 to 9, not 0',
    ],
    ['too small', { n: -1 }, (r) => r.integer('N', { min: 0 }), 'Backend.N must be an integer of at least 0, not -1'],
    ['a string for a boolean', { B: 'true' }, (r) => r.boolean('B'), 'Backend.B must be true or false, not "true"'],
    ['no such choice', { M: 'x' }, (r) => r.oneOf('M', ['a', 'b']), 'Backend.M must be one of a, b, not "x"'],
    ['a mixed list', { L: ['a', 1] }, (r) => r.list('L'), 'Backend.L must be a list of strings, not ["a",1]'],
    ['a list for an object', { O: [] }, (r) => r.object('O'), 'Backend.O must be an object, not []'],
    ['a deep one', { O: { D: 1 } }, (r) => r.object('O')?.string('D'), 'Backend.O.D must be a string, not 1'],
  ])('refuses %s, naming the path', (_, raw, get, message) => {
    const error = failure(() => get(reader(raw)));
    expect(error).toMatchObject({ code: 'E_NETWORK_CONFIG', message, where: 'net.json' });
  });

  it('never shows a secret', () => {
    expect(failure(() => reader({ PSK: 8_765_309 }).string('PSK')).message).toBe('Backend.PSK must be a string');
  });

  it('tells what nobody asked for, and what is there twice', () => {
    const read = reader({ VNI: 1, DirectRoutin: true, vni: 2 });
    read.integer('VNI');
    read.boolean('DirectRouting');
    expect(read.unread()).toEqual([
      {
        code: 'W_UNKNOWN_OPTION',
        message: 'Backend.DirectRoutin is not an option that flan knows; ignored',
        hint: "Did you mean 'DirectRouting'?",
      },
      { code: 'W_OPTION_TWICE', message: expect.stringContaining('Backend.vni is there more than once') },
    ]);
  });
});
