/** Compute pipelines: each is made once per device, and found by its key. One that can't be made is not kept. */
import { type DeviceState, LABEL } from "./device-state.ts";

/** A shader with one entry point, `main`, and one constant, `lanes`. */
export interface Program {
  /** Unique to this program. */
  readonly key: string;
  /** Its source, which is made when it is compiled. */
  readonly code: () => string;
}

/** The pipeline of a program, made at the first call. If it can't be made, the device's state has the reason later. */
export function pipelineOf(state: DeviceState, program: Program): GPUComputePipeline {
  const { device, pipelines, unsettled } = state;
  let pipeline = pipelines.get(program.key);
  if (pipeline === undefined) {
    const { made, whyNot } = make(state, program, (descriptor) => device.createComputePipeline(descriptor));
    pipeline = made;
    pipelines.set(program.key, made);
    const settled = whyNot.then((reason) => {
      unsettled.delete(settled);
      if (!reason) return;
      pipelines.delete(program.key);
      state.failure = { reason, told: false };
    });
    unsettled.add(settled);
  }
  return pipeline;
}

/**
 * Makes the pipelines of programs ahead of their use, without holding up the device.
 * @throws Error, by rejecting, with the compiler's or the device's words and the numbered source.
 */
export async function makeAhead(state: DeviceState, programs: readonly Program[]): Promise<void> {
  const { device, pipelines } = state;
  const ahead = async (program: Program): Promise<void> => {
    if (pipelines.has(program.key)) return;
    const { made, whyNot } = make(state, program, (descriptor) =>
      device.createComputePipelineAsync(descriptor).catch((error: unknown) => String(error)),
    );
    // Awaited together, so that no rejection goes unhandled.
    const [pipeline, reason] = await Promise.all([made, whyNot]);
    if (reason) throw new Error(reason);
    if (typeof pipeline === "string") throw new Error(failed(program, pipeline));
    pipelines.set(program.key, pipeline);
  };
  await Promise.all(programs.map(ahead));
}

/** Throws where a pipeline could not be made, or the device refused other work of the library, since the last call. */
export async function checkMade(state: DeviceState): Promise<void> {
  // A lost device may never answer.
  await Promise.race([Promise.all(state.unsettled), state.device.lost]);
  if (state.failure === undefined) return;
  state.failure.told = true;
  throw new Error(state.failure.reason);
}

/** Makes a pipeline. `whyNot` resolves to the reason why that failed, or to "". */
function make<T>(
  { device, limits: { lanes } }: DeviceState,
  program: Program,
  create: (descriptor: GPUComputePipelineDescriptor) => T,
): { readonly made: T; readonly whyNot: Promise<string> } {
  const label = `${LABEL} ${program.key}`;
  device.pushErrorScope("internal");
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: program.code() });
  const made = create({
    label,
    layout: "auto",
    compute: { module, entryPoint: "main", constants: { lanes } },
  });
  const heard = [device.popErrorScope(), device.popErrorScope()];
  const why = async () => {
    // The module's error has the compiler's message. The pipeline's errors only follow from it.
    const words = (await Promise.all(heard)).map((error) => error?.message ?? "").join("");
    return words && failed(program, words);
  };
  // If the device has been lost meanwhile, this rejects, and the device gives the reason itself.
  return { made, whyNot: why().catch(() => "") };
}

function failed({ key, code }: Program, words: string): string {
  let line = 0;
  const numbered = code().replace(/^/gm, () => `${String(++line).padStart(4)}  `);
  return `the shader "${key}" can't be used on this device:\n${words}\n${numbered}`;
}
