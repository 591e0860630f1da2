/** The forward calls that backward passes may still belong to. */
import { checkInteger, MAX, wrongType, wrongValue } from "../check.ts";
import type { CPUTensor } from "../types.ts";

/** One forward call: what its backward needs. */
export interface Call<T> {
  readonly shape: readonly number[];
  /** int32 `[B,K]`; null if the call dropped nothing. */
  readonly indices: CPUTensor<Int32Array> | T | null;
  readonly batchOffset: number;
}

/** Remembers the calls of a step by their rows, and the last one in training and in evaluation. */
export class Calls<T> {
  #last: Call<T> | undefined;
  #lastOfEvaluation: Call<T> | undefined;
  /** The calls of one step by batchOffset, as backward passes may come in another order. */
  readonly #ofStep: Map<number, Call<T>> = new Map();
  #step = -1;

  /** @param step The training step of the call; undefined in evaluation. */
  remember(call: Call<T>, step: number | undefined): void {
    if (step === undefined) {
      this.#lastOfEvaluation = call;
      return;
    }
    if (step !== this.#step) this.#ofStep.clear();
    this.#step = step;
    this.#last = call;
    this.#ofStep.set(call.batchOffset, call);
  }

  /** The call that a backward pass belongs to. */
  recall(batchOffset: number | undefined): Call<T> {
    // Backward belongs to training, even if an evaluation came between.
    const last = this.#last ?? this.#lastOfEvaluation;
    if (last === undefined) wrongType("outGrad", "a forward call before backward", undefined, "none");
    if (batchOffset === undefined) return last;
    checkInteger("batchOffset", batchOffset, 0, MAX.uint32);
    if (batchOffset === last.batchOffset) return last;
    const call = this.#ofStep.get(batchOffset);
    if (!call) wrongValue("batchOffset", "that of a forward call of this step", batchOffset);
    return call;
  }
}
