export const folder: string;
export function installRuntimes(): void;
export function installed(...paths: string[]): string;
