import type { OptionReader } from '../model/options.js';
import type { CloudKeys } from './cloud.js';

/** As flannel reads them: both, or else neither. */
export function cloudKeys(read: OptionReader): { readonly keys?: CloudKeys } {
  const [id, secret] = [read.string('AccessKeyID'), read.string('AccessKeySecret')];
  return id && secret ? { keys: { id, secret } } : {};
}
