/** A layer's answer and its backward, by `vjp`: what the layers with backward passes of their own are made of. */
import { type JsTree, numpy as np, vjp } from "@jax-js/jax";
import { wrongType } from "../../check.ts";
import type { Kwargs } from "../../routing/layer-types.ts";
import { carriedNames, checkElements, gatherUp, statesOf } from "../../routing/outputs.ts";
import { isArray } from "./arrays.ts";
import { checkPart } from "./tokens.ts";

/**
 * Weights: an array, or arrays in objects and lists.
 *
 * @example
 * const weights: Weights = { attention: [wq, wk, wv, wo], mlp: { up, down } };
 */
export type Weights = JsTree<np.Array>;

/**
 * The backward of one forward call. What it holds is freed when it is called, which is possible once, or by `dispose`.
 *
 * @example
 * const [out, pull] = wrapped(weights, hidden, route);
 * const [weightsGrad, hiddenGrad] = pull(outGrad);
 */
export interface Pullback<W extends Weights, G = np.Array> {
  /**
   * From the gradient of the layer's output, which is taken over: the gradients of the weights and the hidden states.
   */
  (outGrad: G): [weights: W, hidden: G];
  /** For a forward pass whose backward isn't wanted. */
  dispose(): void;
}

/** A layer's output, checked to have the shape of its input, and its backward. Takes its arrays over. */
export function pullback<W extends Weights>(
  layer: (weights: W, hidden: np.Array) => np.Array,
  weights: W,
  hidden: np.Array,
): [np.Array, Pullback<W>] {
  const { shape, dtype } = hidden;
  const held = (w: W, h: np.Array) => {
    const answer = layer(w, h);
    checkPart("layer", answer, shape, { dtype });
    return answer;
  };
  const [answer, back] = vjp(held, [weights, hidden] as never);
  const pull = (outGrad: np.Array) => {
    const grads = back(outGrad as never) as [W, np.Array];
    back.dispose();
    return grads;
  };
  pull.dispose = () => back.dispose();
  return [answer as np.Array, pull];
}

/** Whether `value` has a gradient. */
function isDifferentiable(value: unknown): value is np.Array {
  return isArray(value) && ["float16", "float32", "float64"].includes(value.dtype);
}

/**
 * The same for a layer whose answer has the elements that `outputs` names. It is differentiated for the arguments of
 * these names, too. One that the layer returns as it got it is returned as this very array, by which the wrapper knows
 * it; its gradient is null where none comes back.
 */
export function pullStreams<W extends Weights>(
  layer: (weights: W, hidden: np.Array, kwargs: Kwargs) => unknown,
  weights: W,
  hidden: np.Array,
  kwargs: Kwargs,
  outputs: readonly string[],
): [unknown[], Pullback<W, readonly unknown[]>] {
  const { shape, dtype } = hidden;
  const streams: Record<string, np.Array> = {};
  for (const name of carriedNames(outputs)) {
    const value = kwargs[name];
    if (isDifferentiable(value)) streams[name] = value;
  }
  const whole = Object.fromEntries(Object.entries(streams).map(([name, value]) => [name, value.ref]));

  let answer: unknown[] = [];
  /** The elements of the answer that have gradients, and the streams that the layer returned as it got them. */
  let [made, handedOn]: [number[], string[]] = [[], []];
  const held = (w: W, h: np.Array, given: Record<string, np.Array>) => {
    const elements = layer(w, h, { ...kwargs, ...given });
    checkElements("layer", elements, outputs);
    checkPart("layer", statesOf(elements, outputs), shape, { dtype });
    answer = elements as unknown[];
    made = [...answer.keys()].filter((i) => isDifferentiable(answer[i]));
    handedOn = outputs.filter((name, i) => name in given && answer[i] === given[name]);
    return made.map((i) => answer[i] as np.Array);
  };
  const [values, back] = vjp(held, [weights, hidden, streams] as never);
  const results = [...answer];
  const forms = (values as np.Array[]).map(({ shape, dtype }) => ({ shape: [...shape], dtype }));
  for (const [n, i] of made.entries()) results[i] = (values as np.Array[])[n];
  for (const [name, value] of Object.entries(whole)) {
    const i = outputs.indexOf(name);
    if (!handedOn.includes(name)) value.dispose();
    else {
      (results[i] as np.Array).dispose();
      results[i] = value;
    }
  }

  const pull = (outGrad: readonly unknown[]): [W, readonly unknown[]] => {
    const grads = made.map((i, n) => {
      const grad = outGrad[i] ?? undefined;
      const { shape, dtype } = forms[n];
      if (grad === undefined) return np.zeros(shape, { dtype });
      checkPart("outGrad", grad, shape, { dtype });
      return grad;
    });
    for (const [i, name] of outputs.entries()) {
      const grad = outGrad[i] ?? undefined;
      if (grad !== undefined && !made.includes(i)) {
        wrongType("outGrad", `null as the gradient of ${name}, which has none`, grad);
      }
    }
    const [weightsGrad, hiddenGrad, ofStreams] = back(grads as never) as [W, np.Array, typeof streams];
    back.dispose();
    const all: Record<string, np.Array | null> = Object.fromEntries(outputs.map((name) => [name, null]));
    Object.assign(all, ofStreams);
    for (const name of handedOn) {
      if ((outGrad[outputs.indexOf(name)] ?? undefined) !== undefined) continue;
      all[name]?.dispose();
      all[name] = null;
    }
    return [weightsGrad, gatherUp(hiddenGrad, all, outputs)];
  };
  pull.dispose = () => back.dispose();
  return [results, pull];
}
