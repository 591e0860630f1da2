/** Compute pipelines: compiled once a device, keyed by the shader's full source. */

/** By source, then by entry point. */
type Compiled = Map<string, Map<string, GPUComputePipeline>>;

const pipelines: WeakMap<GPUDevice, Compiled> = /* @__PURE__ */ new WeakMap();

const failures: WeakMap<GPUDevice, string> = /* @__PURE__ */ new WeakMap();

/** One entry point of a whole shader. */
export interface Program {
  readonly code: string;
  readonly entryPoint: string;
}

/** The pipeline of a program, compiled now unless it has been. */
export function pipelineOf(device: GPUDevice, program: Program): GPUComputePipeline {
  const compiled = compiledFor(device, program);
  let pipeline = compiled.get(program.entryPoint);
  if (pipeline === undefined) {
    const module = device.createShaderModule({ code: program.code });
    pipeline = device.createComputePipeline(descriptor(module, program));
    compiled.set(program.entryPoint, pipeline);
    // A failure is the device's to report, as any other. It is not kept, and its source is shown where one waits next.
    void failure(module, program).then((message) => {
      if (message === undefined) return;
      compiled.delete(program.entryPoint);
      failures.set(device, message);
    });
  }
  return pipeline;
}

/**
 * Compiles programs ahead of their use, without holding up the device.
 * @throws Error, by rejecting, with the compiler's words and the numbered source.
 */
export async function compileAhead(device: GPUDevice, programs: readonly Program[]): Promise<void> {
  const compile = async (program: Program): Promise<void> => {
    const compiled = compiledFor(device, program);
    if (compiled.has(program.entryPoint)) return;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: program.code });
    const scope = device.popErrorScope();
    // Awaited together, so that none of them is left to reject unheard.
    const [pipeline, message, invalid] = await Promise.all([
      device.createComputePipelineAsync(descriptor(module, program)).catch((error: unknown) => error),
      failure(module, program),
      scope,
    ]);
    if (message !== undefined) throw new Error(message);
    if (invalid !== null) throw new Error(`${invalid.message}\n${numbered(program.code)}`);
    if (pipeline instanceof Error) throw pipeline;
    compiled.set(program.entryPoint, pipeline as GPUComputePipeline);
  };
  await Promise.all(programs.map(compile));
}

/** Throws, once, where a shader that was compiled at its first use did not compile. */
export function checkCompiled(device: GPUDevice): void {
  const message = failures.get(device);
  failures.delete(device);
  if (message !== undefined) throw new Error(message);
}

function compiledFor(device: GPUDevice, { code }: Program): Map<string, GPUComputePipeline> {
  let bySource = pipelines.get(device);
  if (bySource === undefined) {
    bySource = new Map();
    pipelines.set(device, bySource);
  }
  let compiled = bySource.get(code);
  if (compiled === undefined) {
    compiled = new Map();
    bySource.set(code, compiled);
  }
  return compiled;
}

function descriptor(module: GPUShaderModule, { entryPoint }: Program): GPUComputePipelineDescriptor {
  return { label: `random-ltd ${entryPoint}`, layout: "auto", compute: { module, entryPoint } };
}

/** What the compiler refuses a program for, with the numbered source; undefined where it takes it. */
async function failure(module: GPUShaderModule, { code, entryPoint }: Program): Promise<string | undefined> {
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length === 0) return undefined;
  const words = errors.map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
  return `the shader "${entryPoint}" does not compile:\n${words.join("\n")}\n${numbered(code)}`;
}

function numbered(code: string): string {
  return code
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(4)}  ${line}`)
    .join("\n");
}
