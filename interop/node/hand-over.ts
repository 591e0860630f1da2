/**
 * A run as it goes from here to PyTorch and back: one safetensors file, which interop/python/random_ltd/hand_over.py
 * reads and writes too. Arrays are a RunState's; the metadata says what two sides must mean alike.
 */
import { decodeArrays, encodeArrays } from "../../trainer/state.ts";
import type { HostArrays, RunConfig, RunState, Task } from "../../trainer/types.ts";

const FORMAT = { format: "random-ltd hand-over", version: "1", sampling_rule: "1" } as const;

/** What the weights mean: as trainer/models/layers.ts and Python's CONVENTIONS have it. */
const CONVENTIONS = {
  matrices: "[in,out], y = x @ W",
  qkv: "columns q, k, v, each H heads of D",
  norm: "RMSNorm: x / sqrt(mean(x^2) + epsilon) * gain",
  norm_epsilon: "1e-05",
  gelu: "tanh",
  rotary: "channel i with i + D/2 of each head",
} as const;

/** The arrays that a run of this model has: names and shapes, as `Model.layout` tells them. */
type Layout = { readonly [name: string]: { readonly shape: readonly number[] } };

/** A run as a file, for PyTorch to take on. */
export function encodeHandOver(state: RunState, task: Pick<Task, "keepPrefix">): Uint8Array<ArrayBuffer> {
  const { config, totals, history, rowLosses, arrays } = state;
  return encodeArrays(arrays, {
    ...FORMAT,
    seed: String(config.seed),
    step: String(totals.step),
    consumed_layer_tokens: String(totals.layerTokens),
    keep_prefix: String(task.keepPrefix),
    conventions: JSON.stringify(CONVENTIONS),
    config: JSON.stringify(config),
    totals: JSON.stringify(totals),
    history: JSON.stringify(history),
    row_losses: JSON.stringify(rowLosses),
  });
}

/**
 * The run in a file that PyTorch, or {@link encodeHandOver}, has written.
 *
 * @param expected The run that goes on: its configuration, its task's kept prefix, and the arrays of its model.
 * @throws RangeError that names what is wrong: a key of the metadata, a convention, a key of the configuration, or an
 *   array that is missing, of another shape, or of none that the model has.
 */
export function decodeHandOver(
  bytes: Uint8Array,
  expected: { config: RunConfig; task: Pick<Task, "keepPrefix">; layout: Layout },
): RunState {
  const { arrays, metadata } = decodeArrays(bytes);
  for (const [name, value] of Object.entries(FORMAT)) expect(name, value, metadata[name]);
  const conventions = json<Record<string, unknown>>("conventions", metadata);
  for (const [name, value] of Object.entries(CONVENTIONS)) {
    expect(`conventions.${name}`, value, conventions[name]);
  }
  const theirs = json<Record<string, unknown>>("config", metadata);
  const ours: Record<string, unknown> = { ...expected.config };
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    expect(`config.${name}`, ours[name], theirs[name]);
  }
  const totals = json<RunState["totals"]>("totals", metadata);
  expect("seed", String(expected.config.seed), metadata.seed);
  expect("step", String(totals.step), metadata.step);
  expect("consumed_layer_tokens", String(totals.layerTokens), metadata.consumed_layer_tokens);
  expect("keep_prefix", String(expected.task.keepPrefix), metadata.keep_prefix);
  checkArrays(arrays, expected.layout);
  return {
    version: 1,
    config: expected.config,
    totals,
    history: json("history", metadata),
    rowLosses: json("row_losses", metadata),
    arrays,
  };
}

function checkArrays(arrays: HostArrays, layout: Layout): void {
  const wanted = new Map<string, readonly number[]>(
    ["weights", "first", "second"].flatMap((kind) =>
      Object.entries(layout).map(([name, { shape }]) => [`${kind}/${name}`, shape] as const),
    ),
  );
  for (const [name, shape] of wanted) {
    const { data, shape: got } = arrays[name] ?? {};
    const words = data && `${data instanceof Int32Array ? "int32" : "float32"} [${got}]`;
    expect(name, `float32 [${shape}]`, words);
  }
  for (const name of Object.keys(arrays))
    if (!wanted.has(name)) refuse(name, "nothing by this name", "an array");
}

/** Holds two values to each other, whatever order the keys of an object have. */
function expect(name: string, expected: unknown, got: unknown): void {
  if (inOrder(got) !== inOrder(expected)) refuse(name, JSON.stringify(expected), JSON.stringify(got));
}

function inOrder(value: unknown): string | undefined {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function json<T>(name: string, metadata: Record<string, string>): T {
  try {
    return JSON.parse(metadata[name]);
  } catch {
    return refuse(name, "JSON in the file's metadata", metadata[name]);
  }
}

function refuse(name: string, expected: string, got: string | undefined): never {
  throw new RangeError(`"${name}" expected ${expected}, got ${got}`);
}
