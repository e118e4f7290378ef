import { type Check, type Finding, found } from './finding.js';

/** What this process may do; the service that runs `flan watch` may do other things. */
export const capabilities: Check = {
  name: 'capabilities',
  judge: ({ host, netns }) => {
    const needed = [
      { name: 'CAP_NET_ADMIN', why: 'change the network' },
      ...(netns === undefined ? [] : [{ name: 'CAP_SYS_ADMIN', why: `enter the network namespace ${netns}` }]),
    ];
    const findings = needed
      .filter(({ name }) => !host.capabilities.includes(name))
      .map(
        ({ name, why }): Finding => ({
          code: 'D_CAPABILITY',
          severity: 'warning',
          what: `this process lacks ${name}: it cannot ${why}, and sees less`,
          fix: `Run as root, or grant it: \`AmbientCapabilities=${name}\` in a unit, \`capabilities.add\` in a pod.`,
        }),
      );
    return found(findings, needed.map(({ name }) => name).join(', '));
  },
};
