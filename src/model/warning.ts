/** Something worth telling that stops nothing. `code` is stable: `W_PEER_NOT_ON_LINK`. */
export interface Warning {
  readonly code: `W_${string}`;
  readonly message: string;
  readonly hint?: string;
}
