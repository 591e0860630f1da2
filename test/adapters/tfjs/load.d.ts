/** Where the packages of the lock file are. */
export const folder: string;
/** The bundle: what stands for `@tensorflow/tfjs-core` where the adapter imports it. */
export const bundle: string;
/** Installs and bundles, unless that is done. */
export function installTF(): Promise<void>;
/** TensorFlow.js, `tfl` its layers: as any, since its types are in the package that is installed last. */
export function loadTF(): Promise<any>;
