import type { Trouble } from './facts.js';
import { type Check, type Finding, found } from './finding.js';

const aboutStore = ({ code }: Trouble): boolean =>
  /^E_STORE_|^E_NETWORK_(MISSING|CONFIG)$|^E_NODE_MISSING$|^E_POD_CIDR$/.test(code);

const findingOf = ({ code, message, hint }: Trouble): Finding => ({
  ...{ code, severity: 'error', what: message },
  fix: hint ?? 'Run `flan plan --debug` for the details.',
});

/** Whether the store answers, lets us in and has a network config. */
export const store: Check = {
  name: 'store',
  judge: ({ store: { name }, trouble, overlay }) =>
    found(
      trouble !== undefined && aboutStore(trouble) ? [findingOf(trouble)] : [],
      overlay === undefined
        ? `${name} answers`
        : `${name}: ${overlay.leases.length} ${overlay.leases.length === 1 ? 'lease' : 'leases'}`,
    ),
};

/** What keeps a plan from being made, the store apart; and what it warns of. */
export const plan: Check = {
  name: 'plan',
  judge: ({ trouble, overlay }) => {
    if (overlay === undefined) {
      return trouble === undefined || aboutStore(trouble)
        ? { state: 'unknown', why: 'there is no plan without the store' }
        : found([findingOf(trouble)], '');
    }
    const warnings = overlay.warnings.map(
      ({ code, message, hint }): Finding => ({
        code,
        severity: 'warning',
        what: message,
        fix: hint ?? 'See `flan plan`.',
      }),
    );
    const leases = overlay.quarantined.map(
      ({ code, entry, message }): Finding => ({
        ...{ code, severity: 'warning', what: `${entry}: ${message}` },
        fix: 'Correct or release this lease; all others are used.',
      }),
    );
    const [first] = overlay.conflicts;
    const conflicts: Finding[] =
      first === undefined
        ? []
        : [
            {
              code: 'E_CONFLICT',
              severity: 'error',
              what: `${overlay.conflicts.length} foreign ${overlay.conflicts.length === 1 ? 'object stands' : 'objects stand'} where flan's belong, the first is ${first}`,
              fix: 'Look at `flan plan`; take over what flanneld made with `flan adopt`, anything else with `flan apply --adopt`.',
            },
          ];
    return found([...conflicts, ...warnings, ...leases], 'can be made, and warns of nothing');
  },
};
