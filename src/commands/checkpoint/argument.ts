import { string } from '@oclif/core/args';

export const checkpointArgument = (need: 'required' | 'optional', what = 'Which one: see `flan checkpoint ls`') =>
  string({ name: 'id', required: need === 'required', description: what });
