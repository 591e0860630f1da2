export function digest(lib: typeof import("../../src/index.ts"), calls?: number): string;
