// Shows the shaders: which there are, what an operation dispatches, and the text of each. npm run shader -- --help
import { parseArgs } from "node:util";
import { everyText, loadPlans, numbered, refusals } from "./shader-texts.js";

const OPERATIONS = {
  gather: "GatherTokens.forward",
  scatterZeros: "GatherTokens.backward",
  accumulate: "GatherTokens.backward with accumulateInto",
  scatter: "ScatterTokens.forward",
  scatterInPlace: "ScatterTokens.forward with inPlace",
  zeroRows: "ScatterTokens.backward, after a gather",
  zeroRowsInPlace: "ScatterTokens.backward with inPlace, after a gather",
  maskGather: "maskGather, and sampling with an attention mask",
  maskSlice: "maskSlice",
};
/** @type {Record<string, number>} */
const BYTES = { float32: 4, int32: 4, uint32: 4, float16: 2, bfloat16: 2, uint8: 1 };

const HELP = `npm run shader                            operations, and every shader there is
npm run shader -- gather float32 3        what that operation dispatches on rows of 3 float32, and its shaders' text
npm run shader -- maskGather float16      a mask among the retained tokens
npm run shader -- --check                 has a WGSL compiler (Dawn over SwiftShader) take every shader

Operations: ${Object.keys(OPERATIONS).join(", ")}
Dtypes: ${Object.keys(BYTES).join(", ")}; then the channels of a row (default 768), of tokens alone
--batch 2 --seq 32 --retained 16 --heads 2 --layers 1   sizes; of a mask, batch is the sampled one, and its own is 1
--seqFirst             tokens are [S,B,C]
--offset 0             bytes before what is written, in its buffer
--lanes 256            lanes of a workgroup that the device allows
--bindingBytes 134217728   the device's largest binding
--short                the text as the package has it
--plan                 the dispatches without the text`;

/** @param {number} value */
const number = (value) => ({ type: /** @type {const} */ ("string"), default: String(value) });
const flag = { type: /** @type {const} */ ("boolean"), default: false };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ batch: number(2), seq: number(32), retained: number(16), heads: number(2), layers: number(1) },
    ...{ offset: number(0), lanes: number(256), bindingBytes: number(2 ** 27) },
    ...{ seqFirst: flag, short: flag, plan: flag, check: flag, help: flag },
  },
});

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`${message}\n\n${HELP}`);
  process.exit(1);
}

/** @param {"batch" | "seq" | "retained" | "heads" | "layers" | "offset" | "lanes" | "bindingBytes"} name */
function size(name) {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < (name === "offset" ? 0 : 1))
    fail(`--${name} is no such number: ${values[name]}`);
  return value;
}

/**
 * The plan of an operation. Tensors are names here, each in a buffer of its own.
 * @param {string} operation
 * @param {string} dtype
 * @param {number} channels
 */
async function planOf(operation, dtype, channels) {
  const plans = await loadPlans();
  const [batch, seq, retained] = [size("batch"), size("seq"), size("retained")];
  const [heads, layers] = [size("heads"), size("layers")];
  const limits = {
    bindingBytes: size("bindingBytes"),
    lanes: size("lanes"),
    workgroups: 65535,
    software: false,
  };
  /** @param {string} label */
  const at = (label, byteOffset = 0) => ({ buffer: /** @type {GPUBuffer} */ ({ label }), byteOffset });
  const [dst, src, base, idx] = [at("result", size("offset")), at("source"), at("base"), at("indices")];
  const elementBytes = BYTES[dtype];
  if (operation.startsWith("mask")) {
    const g = { maskBatch: 1, heads, query: seq, seq, retained, elementBytes };
    return operation === "maskSlice"
      ? plans.planMaskSlice(dst, src, g, limits)
      : plans.planMaskGather(dst, src, idx, { ...g, layers, batch }, limits);
  }
  const g = { batch, seq, retained, rowBytes: channels * elementBytes, batchFirst: !values.seqFirst };
  const operands = {
    ...{ dst, idx },
    ...(operation.startsWith("zeroRows") ? {} : { src }),
    ...(operation === "scatter" || operation === "zeroRows" ? { base } : {}),
  };
  return plans.planTokens(/** @type {"gather"} */ (operation), operands, g, limits);
}

/**
 * @param {import("../src/backends/webgpu/plan.ts").Step} step
 * @param {typeof import("../src/backends/webgpu/programs.ts").programOf} programOf
 */
function showStep(step, programOf) {
  if ("zeroed" in step) return `zero ${step.zeroed.bytes} bytes of a temporary`;
  const { shader, operands, params, workgroups } = step;
  const lines = operands.map(
    ({ name, buffer, start, end }) =>
      `  ${name}: bytes ${start} to ${end} of ${"label" in buffer ? buffer.label : "a temporary"}`,
  );
  const fields = Object.entries(params).filter(([, value]) => value !== undefined);
  return [
    `dispatch [${workgroups}] of ${programOf(shader).key}`,
    ...lines,
    `  ${fields.map(([field, value]) => `${field} ${value}`).join(", ")}`,
  ].join("\n");
}

/** @param {string} operation */
async function show(operation, dtype = "float32", channels = "768") {
  if (!(operation in OPERATIONS)) fail(`no operation "${operation}"`);
  if (!(dtype in BYTES)) fail(`no dtype "${dtype}"`);
  if (!(Number(channels) >= 1)) fail(`no number of channels: "${channels}"`);
  const steps = await planOf(operation, dtype, Number(channels));
  const { programOf } = await loadPlans();
  for (const step of steps) console.log(showStep(step, programOf));
  if (values.plan) return;
  const texts = new Map((await everyText(values.short === true)).map(({ key, code }) => [key, code]));
  const keys = steps.flatMap((step) => ("shader" in step ? [programOf(step.shader).key] : []));
  for (const key of new Set(keys)) console.log(`\n${key}\n\n${numbered(texts.get(key) ?? "")}`);
}

async function list() {
  for (const [operation, calls] of Object.entries(OPERATIONS))
    console.log(`${operation.padEnd(16)} ${calls}`);
  const { everyShader, programOf } = await loadPlans();
  console.log();
  for (const shader of everyShader()) console.log(programOf(shader).key);
}

async function check() {
  const { loadSwiftShader } = await import("./swiftshader.js");
  loadSwiftShader();
  const { create } = await import("webgpu");
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  if (!device) throw new Error("SwiftShader gave no device");
  // Held globally: Dawn crashes where its instance is collected before its devices.
  Object.assign(globalThis, { held: [gpu, adapter, device] });
  const texts = [...(await everyText(false)), ...(await everyText(true))];
  const refused = await refusals(device, texts);
  for (const message of refused) console.error(message);
  console.log(
    `${texts.length - refused.length} of ${texts.length} shaders, as written and shortened, are taken`,
  );
  process.exit(refused.length > 0 ? 1 : 0);
}

if (values.help) console.log(HELP);
else if (values.check) await check();
else if (positionals.length === 0) await list();
else await show(positionals[0], positionals[1], positionals[2]);
