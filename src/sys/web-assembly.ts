/** What of WebAssembly is used here; Node's own type declarations leave it out. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface Wasm {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

/** Absent under `node --jitless`. */
export const webAssembly = (): Wasm | undefined => (globalThis as { readonly WebAssembly?: Wasm }).WebAssembly;
