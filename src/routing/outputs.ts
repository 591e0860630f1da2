/** What layers return beside the hidden states: named by `outputs`, and passed on to the next layer. */
import { checkList, describe, isArray, wrongType, wrongValue } from "../check.ts";
import { mapTensors } from "./along/nested.ts";
import type { FrameworkOps, TokensAt } from "./framework-ops.ts";
import type { KwargsPlan } from "./kwargs.ts";
import type { Kwargs } from "./layer-types.ts";

/** The name of the hidden states among `outputs`. */
const STATES = "hiddenStates";

/** The names of the elements that a layer returns, in order. Undefined if the first one is the states. */
export type Outputs = readonly string[] | undefined;

/** The option `outputs`, checked. */
export function checkOutputs(value: unknown): Outputs {
  if (value === undefined) return undefined;
  const expected = `an array of names, ${describe(STATES)} among them`;
  const names = checkList("outputs", expected, value);
  for (const [i, name] of names.entries()) {
    if (typeof name !== "string") wrongType("outputs", "names that are strings", name);
    if (names.indexOf(name) !== i) wrongValue("outputs", "each name once", name);
  }
  if (!names.includes(STATES)) wrongValue("outputs", expected, value);
  return names as string[];
}

/** The names of what is passed on beside the states. */
export function carriedNames(outputs: Outputs): string[] {
  return (outputs ?? []).filter((name) => name !== STATES);
}

/** Throws unless an answer, or the gradient of one, has an element for each of `outputs`. */
export function checkElements(name: string, value: unknown, outputs: Outputs, whose = ""): void {
  if (outputs === undefined) return;
  const expected = `an array of ${outputs.join(", ")}${whose && ` ${whose}`}`;
  if (!isArray(value)) wrongType(name, expected, value);
  if (value.length !== outputs.length)
    wrongValue(name, expected, value.length, `an array of ${value.length}`);
}

/** The hidden states of an answer, or their gradient in the gradient of one. */
export function statesOf(value: unknown, outputs: Outputs): unknown {
  if (outputs !== undefined) return (value as unknown[])[outputs.indexOf(STATES)];
  return isArray(value) ? value[0] : value;
}

/** The same answer with other hidden states. */
export function withStates(value: unknown, outputs: Outputs, states: unknown): unknown {
  if (!isArray(value)) return states;
  const answer = checkList("layer", "an array that begins with the states", value);
  answer[outputs === undefined ? 0 : outputs.indexOf(STATES)] = states;
  return answer;
}

/** The arguments of the next layer: an answer's elements under their names. */
export function carryOn(kwargs: Kwargs, output: unknown, outputs: readonly string[]): Kwargs {
  const next: Record<string, unknown> = { ...kwargs };
  for (const [i, name] of outputs.entries()) if (name !== STATES) next[name] = (output as unknown[])[i];
  return next;
}

/** An answer in the form of `outputs`, made from the states and the arguments that were passed on. */
export function gatherUp(states: unknown, kwargs: Kwargs, outputs: readonly string[]): unknown[] {
  return outputs.map((name) => (name === STATES ? states : kwargs[name]));
}

/** The passed-on arguments of a call that run along the sequence: what they were, and what the layer gets instead. */
interface Carried {
  readonly name: string;
  readonly whole: unknown;
  readonly part: unknown;
  readonly partShape: readonly number[] | undefined;
}

/** Which of `outputs` are gathered as arguments, so that what the layer returns for them must be scattered back. */
export class Carriage<T> {
  readonly outputs: Outputs;
  readonly #plan: KwargsPlan;
  readonly #ops: FrameworkOps<T>;
  readonly #names: readonly string[];

  constructor(outputs: Outputs, plan: KwargsPlan, ops: FrameworkOps<T>) {
    this.outputs = outputs;
    this.#plan = plan;
    this.#ops = ops;
    this.#names = carriedNames(outputs).filter((name) => {
      const layout = plan.along.get(name);
      return name === plan.maskName || (layout !== undefined && layout.is !== "unchanged");
    });
  }

  /** Whether a passed-on argument is laid out like the hidden states. */
  #isOfStates(name: string): boolean {
    const own = this.#plan.batchFirst ? "batch_seq_dim" : "seq_batch_dim";
    return this.#plan.along.get(name)?.is === own;
  }

  /** The passed-on arguments before they are gathered: another reference each, if gathering takes them over. */
  before(kwargs: Kwargs): ReadonlyMap<string, unknown> {
    const { isTensor, retain } = this.#ops;
    const again = (value: unknown) => (retain ? mapTensors(value, isTensor, (t) => retain(t)) : value);
    return new Map(this.#names.map((name) => [name, again(kwargs[name])]));
  }

  /** The same beside what was gathered of them. */
  during(before: ReadonlyMap<string, unknown>, gathered: Kwargs): Carried[] {
    return this.#names.map((name) => {
      const part = gathered[name];
      const partShape = this.#ops.isTensor(part) ? [...this.#ops.shapeOf(part)] : undefined;
      return { name, whole: before.get(name), part, partShape };
    });
  }

  /**
   * A layer's answer for the layers that see all tokens. If the layer returned a passed-on argument as it got it, the
   * answer has the whole argument again; one that is laid out like the hidden states gets its retained rows replaced.
   */
  after(output: unknown, carried: readonly Carried[], at: TokensAt<T>): unknown {
    if (carried.length === 0) return output;
    const { isTensor, shapeOf, dispose } = this.#ops;
    const answer = [...(output as unknown[])];
    for (const { name, whole, part, partShape } of carried) {
      const i = this.outputs!.indexOf(name);
      const given = answer[i];
      if (given === part) {
        if (dispose) mapTensors(given, isTensor, (t) => dispose(t));
        answer[i] = whole;
      } else if (
        this.#isOfStates(name) &&
        isTensor(whole) &&
        isTensor(given) &&
        `${shapeOf(given)}` === `${partShape}` &&
        this.#hasEveryRow(shapeOf(whole), partShape!)
      ) {
        answer[i] = at.scatter(whole, given, false);
      } else {
        const expected = `${name} as the layer was given it, or of its shape and laid out as the hidden states are`;
        wrongValue("outputs", expected, given);
      }
    }
    return answer;
  }

  /** A batch of 1 serves every row as an argument, but what comes back differs from row to row. */
  #hasEveryRow(whole: readonly number[], part: readonly number[]): boolean {
    const axis = this.#plan.batchFirst ? 0 : 1;
    return whole[axis] === part[axis];
  }

  /** The gradients that the layer's own backward gets: retained rows, and nothing for what the layer did not make. */
  gradsBefore(outGrad: unknown, states: T, at: TokensAt<T>): unknown {
    if (this.outputs === undefined) return states;
    return this.outputs.map((name, i) => {
      const grad = (outGrad as unknown[])[i];
      if (name === STATES) return states;
      if (!this.#names.includes(name)) return grad;
      if (!this.#isOfStates(name)) return null;
      if (!this.#ops.isTensor(grad)) wrongType("outGrad", `the gradient of ${name}, a tensor`, grad);
      return at.gather(grad);
    });
  }

  /** The gradients of all tokens, from those that the layer's own backward returned. */
  gradsAfter(outGrad: unknown, partGrad: unknown, states: T, at: TokensAt<T>): unknown {
    if (this.outputs === undefined) return states;
    return this.outputs.map((name, i) => {
      const [whole, part] = [(outGrad as unknown[])[i], (partGrad as unknown[])[i]];
      if (name === STATES) return states;
      if (!this.#names.includes(name)) return part;
      if (this.#isOfStates(name)) {
        if (!this.#ops.isTensor(part)) wrongType("layer", `the gradient of ${name}, a tensor`, part);
        return at.scatter(whole as T, part, false);
      }
      // It bypassed the layer. How the layer used it as an argument has no gradient here.
      if (part !== null && part !== undefined) wrongType("layer", `no gradient of ${name}: null`, part);
      return whole;
    });
  }
}
