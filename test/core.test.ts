/** Runtimes that don't compile the core at once, and the core that is loaded for them. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";

// Another file may have loaded the core before.
beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const request = { reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 };

test("where the main thread compiles no more than 4 KB the reference serves, until the core is loaded", async () => {
  const real = WebAssembly;
  class Module {
    constructor() {
      throw new RangeError(
        "WebAssembly.Compile is disallowed on the main thread, if the buffer size is larger than 4KB",
      );
    }
  }
  vi.stubGlobal("WebAssembly", Object.assign(Object.create(real), { Module }));
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const lib = await import("../src/index.ts");
  expect(lib.cpuBackend()).toBe("reference");
  const { data } = lib.gptSampleTokens(request).sampledIndices;
  expect([...data]).toEqual([2, 3, 8, 9]); // as on the WASM core
  lib.gptSampleTokens(request);
  expect(warn).toHaveBeenCalledTimes(1);
  await lib.loadCore();
  expect(lib.cpuBackend()).toBe("wasm");
  expect(lib.gptSampleTokens(request).sampledIndices.data).toEqual(data);
  warn.mockRestore();
});

test("without a console and without WebAssembly the answer comes all the same", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  vi.stubGlobal("console", undefined);
  const lib = await import("../src/index.ts");
  const { data } = lib.gptSampleTokens(request).sampledIndices;
  vi.unstubAllGlobals();
  expect([...data]).toEqual([2, 3, 8, 9]);
});
