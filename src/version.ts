import manifest from '../package.json' with { type: 'json' };

/** The package manifest: the build puts it into the bundle, so nothing is read at run time. */
export const PACKAGE = manifest;

export const VERSION: string = manifest.version;

/** Of every JSON document and stream: minor = compatible, ignore what you do not know; major = reject. */
export const FORMAT_VERSION = '1.0';
