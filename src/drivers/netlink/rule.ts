import type { Rule } from '../../kinds/rule.js';
import { type RuleMessage, ruleRequest } from '../../netlink/wire/rule.js';
import type { NetlinkCodec } from './codec.js';

export const ruleCodec: NetlinkCodec<Rule> = {
  kind: 'rule',
  requests: ({ verb, resource: { family, priority, from, to, table, proto } }) => [
    // Rules have no replace: one that differs is deleted and made again, which the planner asks for as such.
    ruleRequest(verb === 'delete' ? 'delete' : 'add', { family, priority, src: from, dst: to, table, protocol: proto }),
  ],
};

export const ruleOf = ({ family, priority = 0, src, dst, table, protocol = 0 }: RuleMessage): Rule => ({
  kind: 'rule',
  family,
  priority,
  table,
  proto: protocol,
  ...(src !== undefined && { from: src }),
  ...(dst !== undefined && { to: dst }),
});
