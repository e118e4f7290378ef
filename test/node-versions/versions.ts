/** Releases of Node: the oldest that flan supports, and later lines than the one that runs all the other tests. The only place they stand. */
export const NODE_VERSIONS = ['20.19.0', '22.23.3', '24.21.0'] as const;
