import { string } from '@oclif/core/args';

/** How people name a lease. */
export const leaseArgument = string({
  description: "A subnet, a key, a node's name or identity; default: this node's lease",
});
