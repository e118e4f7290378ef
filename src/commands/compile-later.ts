import { setFlagsFromString } from 'node:v8';

/** V8 optimises a function once this many bytes of its bytecode have run, give or take: its own default. */
const INTERRUPT_BUDGET = 67_584;

/** The last V8 that knows the flag, of Node 20 and 21. */
const LAST_V8 = 11;

/** bin/load.js has V8 optimise late while a daemon starts. @returns what hears that the start is over */
export function compileLater(): { tell(event: { readonly type: string }): void } {
  return {
    tell({ type }) {
      if (type === 'ready' && Number.parseInt(process.versions.v8, 10) <= LAST_V8) {
        setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
      }
    },
  };
}
