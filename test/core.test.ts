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

test.each([
  undefined,
  {},
])("without WebAssembly the answer comes all the same, console: %j", async (console) => {
  vi.stubGlobal("WebAssembly", undefined);
  vi.stubGlobal("console", console);
  const lib = await import("../src/index.ts");
  const { data } = lib.gptSampleTokens(request).sampledIndices;
  vi.unstubAllGlobals();
  expect([...data]).toEqual([2, 3, 8, 9]);
});

test("another module is no core, and the one in use stays", async () => {
  const lib = await import("../src/index.ts");
  const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  expect(() => lib.setCoreModule(empty)).toThrow(WebAssembly.LinkError);
  expect(() => lib.setCoreModule(empty)).toThrow(/^"module" expected the core of random-ltd/);
  expect([...lib.gptSampleTokens(request).sampledIndices.data]).toEqual([2, 3, 8, 9]);
});

test.each(["wasm", "reference"] as const)("the backend in use is the one that works: %s", async (name) => {
  const { useCPUBackend } = await import("../src/backends/cpu-backend.ts");
  const { cpuMasks, cpuTokens, samplingBackend, sortingBackend } = await import("../src/backends/cpu.ts");
  const own =
    name === "wasm"
      ? [
          (await import("../src/backends/wasm/masks.ts")).wasmMasks,
          (await import("../src/backends/wasm/tokens.ts")).wasmTokens,
          (await import("../src/backends/wasm/sampling.ts")).wasmSampling,
          (await import("../src/backends/wasm/sort.ts")).wasmSorting,
        ]
      : [
          (await import("../src/backends/reference/masks.ts")).referenceMasks,
          (await import("../src/backends/reference/tokens.ts")).referenceTokens,
          (await import("../src/backends/reference/sampling.ts")).referenceSampling,
          (await import("../src/backends/reference/sort.ts")).referenceSorting,
        ];
  useCPUBackend(name);
  const none = undefined as never;
  [cpuMasks("", none), cpuTokens("", none), samplingBackend(), sortingBackend()].forEach((backend, i) => {
    expect(backend).toBe(own[i]);
  });
});

test("memory that the core can't have is a RangeError", async () => {
  const { must } = await import("../src/backends/wasm/emit.ts");
  expect(() => must(0)).toThrow(RangeError);
  expect(() => must(1)).not.toThrow();
});
