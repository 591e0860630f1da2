/** Mutants of assembly/ and gpu/ as what the tests run, made in memory: no file of the repository is touched. */
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as asc from "assemblyscript/asc";
import { constant } from "../wasm-text.js";
import { sectionsOf, shaderModule } from "../wgsl.js";

/** Scripts that find files beside themselves are loaded from where they are, not bundled. */
const script = (name: string) => import(pathToFileURL(resolve("scripts", name)).href);
const { loadPlans }: typeof import("../shader-texts.js") = await script("shader-texts.js");
const { loadSwiftShader }: typeof import("../swiftshader.js") = await script("swiftshader.js");

/** Files that stand for generated ones, by their names; or why there are none. */
export type Made =
  | { readonly files: ReadonlyMap<string, string | Uint8Array> }
  | { readonly status: "same" | "invalid" };

interface Target {
  readonly config: string;
  readonly target: string;
  readonly entry?: string;
}

const CORE: Target = { config: "asconfig.json", target: "release" };
const TESTING: Target = { ...CORE, entry: "assembly/testing.ts" };
const HEAP: Target = { config: "asconfig.heap-rows.json", target: "own" };
const SHARED: Target = { ...HEAP, target: "shared" };

/** The bytes that the compiler makes of a target, with another text for one file; undefined if it refuses. */
async function compiled(
  { config, target, entry }: Target,
  file = "",
  text = "",
): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array | undefined;
  const args = ["--config", config, "--target", target];
  const { error } = await asc.main(entry ? [entry, "--outFile", "testing.wasm", ...args] : args, {
    readFile: (name: string, folder: string) => {
      if (name.replace(/^\.\//, "") === file) return text;
      try {
        return readFileSync(join(folder, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name: string, contents: string | Uint8Array) => {
      if (name.endsWith(".wasm")) bytes = contents as Uint8Array;
    },
  });
  return error ? undefined : bytes;
}

const originals = new Map<Target, Promise<Uint8Array | undefined>>();
function original(target: Target) {
  const made = originals.get(target) ?? compiled(target);
  originals.set(target, made);
  return made;
}

/** What the tests load of a mutant of assembly/. */
export async function makeAssembly(file: string, text: string): Promise<Made> {
  const heap = file.endsWith("/heap-rows.ts")
    ? [HEAP, SHARED]
    : file.endsWith("/rows.ts")
      ? [HEAP, SHARED, CORE]
      : [];
  const targets = heap.length > 0 ? heap : [CORE, TESTING];
  const made = new Map<Target, Uint8Array>();
  let isSame = true;
  for (const target of targets) {
    const bytes = await compiled(target, file, text);
    if (bytes === undefined) return { status: "invalid" };
    isSame &&= Buffer.compare(bytes, (await original(target))!) === 0;
    made.set(target, bytes);
    if (target === CORE && isSame) return { status: "same" }; // in what is shipped
  }
  if (isSame) return { status: "same" };
  const files = new Map<string, string | Uint8Array>();
  const [core, testing, own, shared] = [CORE, TESTING, HEAP, SHARED].map((target) => made.get(target));
  if (core) files.set("core-bytes.ts", constant("coreText", "A mutant", core));
  if (testing) files.set("testing.wasm", testing);
  if (own && shared) {
    const texts = constant("heapText", "A mutant", own) + constant("sharedHeapText", "A mutant", shared);
    files.set("heap-rows-bytes.ts", texts);
  }
  return { files };
}

const SHADERS = ["main", "masks", "rows"] as const;

/** The files of gpu/ in their sections, with another text for one of them. */
function shaders(file = "", text = "") {
  return Object.fromEntries(
    SHADERS.map((name) => {
      const path = `gpu/${name}.wgsl`;
      return [name, sectionsOf(path === file ? text : readFileSync(path, "utf8"), basename(path))];
    }),
  ) as Record<(typeof SHADERS)[number], [string, string][]>;
}

/** Asks Dawn's compiler for every text that differs from the original's. */
class Compiler {
  readonly #device: GPUDevice;
  readonly #plans: Awaited<ReturnType<typeof loadPlans>>;
  readonly #own: ReadonlySet<string>;

  constructor(device: GPUDevice, plans: Awaited<ReturnType<typeof loadPlans>>) {
    this.#device = device;
    this.#plans = plans;
    this.#own = new Set(this.#texts(shaders()));
  }

  #texts(files: ReturnType<typeof shaders>): string[] {
    const { everyShader, codeOf } = this.#plans;
    return everyShader().map((shader) => codeOf(shader, new Map(), files as never));
  }

  async takes(files: ReturnType<typeof shaders>): Promise<boolean> {
    const changed = this.#texts(files).filter((code) => !this.#own.has(code));
    for (const code of changed) {
      this.#device.pushErrorScope("validation");
      const { messages } = await this.#device.createShaderModule({ code }).getCompilationInfo();
      await this.#device.popErrorScope();
      if (messages.some(({ type }) => type === "error")) return false;
    }
    return true;
  }
}

const held: unknown[] = [];
let compiler: Promise<Compiler> | undefined;

async function openCompiler(): Promise<Compiler> {
  loadSwiftShader();
  const { create } = await import("webgpu");
  const gpu: GPU = create([]);
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  held.push(gpu, adapter, device);
  return new Compiler(device, await loadPlans());
}

/** What the tests load of a mutant of gpu/. */
export async function makeShaders(file: string, text: string): Promise<Made> {
  compiler ??= openCompiler();
  const files = shaders(file, text);
  if (!(await (await compiler).takes(files))) return { status: "invalid" };
  return { files: new Map([["shaders.ts", shaderModule(files, "a mutant")]]) };
}

/** Nothing changed: what the suites must pass. */
export const ORIGINAL: Made = { files: new Map() };
