export type { EtcdUser, TlsFiles } from './credentials.js';
export { type EtcdStoreOptions, etcdStore } from './store.js';
