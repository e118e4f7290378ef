import { boolean, string } from '@oclif/core/flags';

/** What part of a plan is shown or carried out; of `plan` and `apply`. */
export const TARGET_FLAGS = {
  target: string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'WHAT',
    summary: 'Only these changes and what they need: an address with * for any text, kind:KIND or node:NODE',
  }),
  exclude: string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'WHAT',
    summary: 'All but these changes and what needs them',
  }),
};

/** Of every command that asks before it changes something. */
export const APPROVAL_FLAGS = {
  yes: boolean({ char: 'y', aliases: ['auto-approve'], summary: 'Do not ask; --auto-approve is the same' }),
};

/** Of every command that changes this host. */
export const LOCK_FLAGS = {
  'lock-timeout': string({ helpValue: 'TIME', summary: 'Wait so long for another flan to finish [default: 0]' }),
};

/** How an apply is guarded. */
export const SAFETY_FLAGS = {
  confirm: string({
    helpValue: 'TIME|auto[:TIME]',
    summary: 'Roll back unless confirmed in time by `flan confirm`; auto: by itself when the probes hold so long (10s)',
  }),
  wait: boolean({ summary: 'With --confirm: wait for the confirmation or the rollback' }),
  supersede: boolean({ summary: 'Keep what an earlier apply still waits to have confirmed, and go on' }),
  probe: string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PROBE',
    summary:
      'Roll back when this worked before and does not work after: tcp://HOST:PORT, icmp://HOST, cmd:COMMAND, store, gateway',
  }),
  atomic: boolean({
    allowNo: true,
    summary: 'Undo all when one change fails; default: when there are fewer than 100 changes',
  }),
  'accept-risk': boolean({ summary: 'With --yes: also when the plan may cut off the store, the gateway or you' }),
  'allow-mass-delete': boolean({ summary: 'Also when more of ten or more objects would go than deleteGuard allows' }),
  'verify-timeout': string({
    helpValue: 'TIME',
    default: '2s',
    summary: 'Look again so long until all reads back as applied; 0: once',
  }),
  ...LOCK_FLAGS,
};

/** Their values as the parser gives them. */
export interface TargetFlags {
  readonly target?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

export interface SafetyFlags extends TargetFlags {
  readonly confirm?: string | undefined;
  readonly wait: boolean;
  readonly supersede: boolean;
  readonly probe?: readonly string[] | undefined;
  readonly atomic?: boolean | undefined;
  readonly 'accept-risk': boolean;
  readonly 'allow-mass-delete': boolean;
  readonly 'lock-timeout'?: string | undefined;
  readonly 'verify-timeout'?: string | undefined;
}
