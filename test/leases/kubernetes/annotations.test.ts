import { describe, expect, test } from 'vitest';
import { annotationNames } from '../../../src/leases/kubernetes/annotations.js';

describe('annotation prefix', () => {
  test.each([
    ['flannel.alpha.coreos.com', 'flannel.alpha.coreos.com/'],
    ['flannel.alpha.coreos.com/', 'flannel.alpha.coreos.com/'],
    ['example.com/net', 'example.com/net-'],
    ['example.com/net-', 'example.com/net-'],
    ['example.com/net_1', 'example.com/net_1-'],
  ])('%s becomes %s', (setting, prefix) => {
    const names = annotationNames(setting);
    expect(names.prefix).toBe(prefix);
    expect(names.publicIpOverwrite).toBe(`${prefix}public-ip-overwrite`);
  });

  test.each(['a/b/c', 'Example.com', '', 'example.com/Net', '/net', 'exam ple.com', '-a.com'])(
    '%s is refused',
    (setting) => {
      expect(() => annotationNames(setting)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    },
  );
});
