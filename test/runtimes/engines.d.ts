/** Globals of engines other than Node, as far as scripts that run there use them. */
declare var Deno: {
  readonly args: readonly string[];
  readonly env: { set(name: string, value: string): void };
  readonly version: { readonly deno: string };
  dlopen(path: string, symbols: object): unknown;
  exit(code: number): never;
};
declare var Bun: { readonly version: string };
