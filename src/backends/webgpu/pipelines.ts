/** Compute pipelines: compiled once a device, by their keys. */
import type { DeviceState } from "./state.ts";

/** A shader with one entry point, `main`. */
export interface Program {
  /** What tells it from every other. */
  readonly key: string;
  /** Its source, which is made when it is compiled. */
  readonly code: () => string;
}

/** The pipeline of a program, compiled now unless it has been. */
export function pipelineOf(state: DeviceState, program: Program): GPUComputePipeline {
  const { device, pipelines } = state;
  let pipeline = pipelines.get(program.key);
  if (pipeline === undefined) {
    const code = program.code();
    const module = device.createShaderModule({ code });
    pipeline = device.createComputePipeline(descriptor(module, program));
    pipelines.set(program.key, pipeline);
    // A failure is the device's to report, as any other. What the compiler refuses is not kept, and its source is shown
    // where one waits next.
    failure(module, program, code).then(
      (message) => {
        if (message === undefined) return;
        pipelines.delete(program.key);
        state.failure = message;
      },
      () => {}, // a device that went meanwhile tells by its own reason
    );
  }
  return pipeline;
}

/**
 * Compiles programs ahead of their use, without holding up the device.
 * @throws Error, by rejecting, with the compiler's words and the numbered source.
 */
export async function compileAhead(
  { device, pipelines }: DeviceState,
  programs: readonly Program[],
): Promise<void> {
  const compile = async (program: Program): Promise<void> => {
    if (pipelines.has(program.key)) return;
    const code = program.code();
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    const scope = device.popErrorScope();
    // Awaited together, so that none of them is left to reject unheard.
    const [pipeline, message, invalid] = await Promise.all([
      device.createComputePipelineAsync(descriptor(module, program)).catch((error: unknown) => error),
      failure(module, program, code),
      scope,
    ]);
    if (message !== undefined) throw new Error(message);
    if (invalid !== null) throw new Error(`${invalid.message}\n${numbered(code)}`);
    if (!("getBindGroupLayout" in (pipeline as object))) throw pipeline;
    pipelines.set(program.key, pipeline as GPUComputePipeline);
  };
  await Promise.all(programs.map(compile));
}

/** Throws, once, where a shader that was compiled at its first use did not compile. */
export function checkCompiled(state: DeviceState): void {
  const message = state.failure;
  state.failure = undefined;
  if (message !== undefined) throw new Error(message);
}

function descriptor(module: GPUShaderModule, { key }: Program): GPUComputePipelineDescriptor {
  return { label: `random-ltd ${key}`, layout: "auto", compute: { module, entryPoint: "main" } };
}

/** What the compiler refuses a program for, with the numbered source; undefined where it takes it. */
async function failure(module: GPUShaderModule, { key }: Program, code: string): Promise<string | undefined> {
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length === 0) return undefined;
  const words = errors.map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
  return `the shader "${key}" does not compile:\n${words.join("\n")}\n${numbered(code)}`;
}

function numbered(code: string): string {
  return code
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(4)}  ${line}`)
    .join("\n");
}
