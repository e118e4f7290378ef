import { type Check, type Finding, found } from './finding.js';

/** Two writers of the same routes undo each other's work. */
export const flanneld: Check = {
  name: 'flanneld',
  judge: ({ host }) => {
    const running = host.managers.filter(({ name, sameNetns }) => name === 'flanneld' && sameNetns !== false);
    const findings = running.map(
      ({ pid, sameNetns }): Finding => ({
        code: 'D_FLANNELD_RUNNING',
        severity: sameNetns === true ? 'error' : 'warning',
        what: `flanneld runs ${sameNetns === true ? 'on this host' : 'here, maybe in this network namespace'} (pid ${pid}): both would hold the lease and write the same routes`,
        fix: 'Take its objects over with `flan adopt`, stop it and keep it from starting, then start `flan watch`.',
      }),
    );
    return found(findings, 'does not run here');
  },
};
