export type { EtcdUser } from './credentials.js';
export { type EtcdStoreOptions, etcdStore } from './store.js';
