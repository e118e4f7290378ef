import { type Check, well } from './finding.js';

/** Who changes this host; somebody or nobody, both are well. */
export const lock: Check = {
  name: 'lock',
  judge: ({ lock: { holder } }) => well(holder === undefined ? 'nobody changes this host' : `held by ${holder}`),
};

/** Backends that need a process. */
export const daemon: Check = {
  name: 'flan watch',
  judge: ({ lock: { holder }, overlay }) => {
    if (holder?.includes('flan watch') === true) return well('runs');
    if (overlay?.needsWatch !== true) return well('does not run: the lease is not renewed, and drift is not repaired');
    const what = `\`flan watch\` does not run: with backend ${overlay.backend} nothing flows without it`;
    return {
      state: 'found',
      findings: [{ code: 'D_NO_WATCH', severity: 'error', what, fix: 'Start `flan watch` as a service on this node.' }],
    };
  },
};
