/**
 * flan as a library: everything that decides. Values in, a plan out; nothing here reads or changes the host, a store, a
 * clock or the environment. From top to bottom:
 *
 * - `surveyOf` → `prepare` → `conclude`: what `flan plan` computes, from host facts, leases and observed resources
 * - `planText`, `planMarkdown`, `planCommands`: how it prints that
 * - `plan`, `kinds` and the constructors: desired against observed, for resources of your own choice
 * - `backendOf`, `LeaseTable`, `allocate`, `chooseExternal`, `decodeNetwork`, …: the single decisions
 *
 * Addresses and prefixes are branded strings in canonical form: make them with `parseAddress` and `parsePrefix`. What
 * carries a plan out is the command line's, and no promise of compatibility is made for it.
 */
export * from './backends/backend.js';
export { backendOf, backendTypes } from './backends/index.js';
export { checkAgainstHost, type HostCheck, type HostCheckInput } from './config/check-host.js';
export { type DecodedNetwork, decodeNetwork, parseNetwork } from './config/network.js';
export type { Observation, Scope } from './drivers/driver.js';
export type { ObservedWorld } from './drivers/drivers.js';
export { type ErrorCode, FlanError, type FlanErrorOptions } from './errors.js';
export {
  chooseExternal,
  type Explanation,
  type ExternalChoice,
  type ExternalInput,
  type Selection,
} from './host/external.js';
export type { LinkAddress } from './kinds/address.js';
export type { CloudForwarding } from './kinds/cloud-forwarding.js';
export { type CloudRoute, cloudRoute, cloudRouteKey } from './kinds/cloud-route.js';
export type { FdbEntry } from './kinds/fdb.js';
export { fileKey, type TextFile } from './kinds/file.js';
export { kinds } from './kinds/index.js';
export type { IptablesRules } from './kinds/iptables-rules.js';
export { KNOWN_AFTER_APPLY, leaseResource, type OwnLease, ownLease } from './kinds/lease.js';
export { type Link, linkAlias, linkKey, type OtherLink, type VxlanSettings } from './kinds/link.js';
export type { Neighbour } from './kinds/neighbour.js';
export { type NftTable, nftTable } from './kinds/nft-table.js';
export { type Offload, offloadKey } from './kinds/offload.js';
export { MAIN_TABLE, type Route, RTPROT_FLAN, route, routeKey } from './kinds/route.js';
export type { Rule } from './kinds/rule.js';
export { type Sysctl, sysctlKey } from './kinds/sysctl.js';
export { type Allocation, type AllocationInput, allocate, leaseFor, type Random } from './leases/allocate.js';
export type * from './leases/store.js';
export type { Quarantine, QuarantineReason, Verdict } from './model/admission.js';
export type * from './model/cloud.js';
export type * from './model/facts.js';
export * from './model/ip.js';
export type * from './model/json.js';
export * from './model/lease.js';
export { type LeaseChange, LeaseTable, type LeaseTableDelta, type LeaseView } from './model/lease-table.js';
export * from './model/mac.js';
export * from './model/network.js';
export type * from './model/warning.js';
export * from './planner/kind.js';
export * from './planner/plan.js';
export {
  type ConcludeInput,
  conclude,
  type Prepared,
  type PrepareInput,
  type Preview,
  prepare,
} from './reconcile/compute.js';
export { type Inputs, type InputsInit, inputs, type Options } from './reconcile/inputs.js';
export { type Survey, type SurveyInput, surveyOf } from './reconcile/survey.js';
export * from './report/document.js';
export { planCommands } from './report/ip-commands.js';
export { planMarkdown } from './report/markdown.js';
export { type Paint, plain } from './report/paint.js';
export { planText, summaryLine } from './report/text.js';
export { type FilterOptions, type TrafficInput, trafficResources } from './traffic/index.js';
export { type PreviousEnv, parseSubnetEnv, type SubnetEnvInput, subnetEnv } from './traffic/subnet-env.js';
export { FORMAT_VERSION, VERSION } from './version.js';
