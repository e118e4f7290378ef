/** The releases of Node besides the oldest that flan supports, which runs all the other tests. The only place they stand. */
export const NODE_VERSIONS = ['22.23.3', '24.21.0'] as const;
