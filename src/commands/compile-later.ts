import { setFlagsFromString } from 'node:v8';

/** The last V8 that knows the flag, of Node 20 and 21. Others complain about it on stderr, and count calls instead. */
const LAST_V8 = 11;

/** V8 optimises a function once this many bytes of its bytecode have run, give or take; its own default is the first. */
const BUDGET = { normal: 67_584, late: 1_000_000 } as const;

/**
 * A start runs much code some thousand times and then no more: optimising it takes longer than it saves, with 5,000
 * leases a third of a second on the compiler's threads. @returns what hears that the start is over
 */
export function compileLater(): { tell(event: { readonly type: string }): void } {
  setBudget(BUDGET.late);
  return {
    tell({ type }) {
      if (type === 'ready') setBudget(BUDGET.normal);
    },
  };
}

function setBudget(bytes: number): void {
  if (Number.parseInt(process.versions.v8, 10) <= LAST_V8) setFlagsFromString(`--interrupt-budget=${bytes}`);
}
