/** Stands for stdin or stdout where a file is named. */
export const STDIO = '-';
