import type { LaunchOptions } from "playwright-core";

export function whyNot(): string | undefined;
export function swiftShaderFolder(): string;
export function loadSwiftShader(): void;
export function chromiumLaunch(): LaunchOptions;
