import { checkInteger, checkOptions, MAX, wrongType } from "../../check.ts";
import type { RandomLTDScheduler, RandomLTDState } from "../../routing/scheduler.ts";

/** Options of {@link randomLTDCallback}. */
export interface RandomLTDCallbackOptions {
  /** The step of the first batch. Default: the one after the scheduler's last, so 0 for a new one. */
  firstStep?: number | undefined;
  /** Called after each epoch with the scheduler's state, which is plain JSON; waited for. */
  saveState?: ((state: Required<RandomLTDState>, epoch: number) => unknown) | undefined;
}

/** What {@link randomLTDCallback} gives: `callbacks` of `model.fit` and `model.fitDataset`, alone or in an array. */
export interface RandomLTDCallback {
  /** Moves the scheduler to the step of this batch. */
  onBatchBegin(): void;
  /** Hands the scheduler's state to `saveState`. */
  onEpochEnd(epoch: number): Promise<void>;
}

/**
 * A callback for `model.fit` that advances a scheduler with each batch and saves its state with each epoch. Steps are
 * counted on through epochs and further calls of `fit`.
 *
 * @param scheduler The one that the model's layers were made with.
 * @param options See {@link RandomLTDCallbackOptions}.
 * @returns An object that TF.js takes as `callbacks`.
 * @throws TypeError, RangeError where an argument is of the wrong kind or value.
 * @example
 * const saveState = (state) => localStorage.setItem("random-ltd", JSON.stringify(state));
 * await model.fit(x, y, { epochs: 10, callbacks: randomLTDCallback(scheduler, { saveState }) });
 */
export function randomLTDCallback(
  scheduler: RandomLTDScheduler,
  options: RandomLTDCallbackOptions = {},
): RandomLTDCallback {
  if (typeof scheduler?.updateSeq !== "function") wrongType("scheduler", "a RandomLTDScheduler", scheduler);
  checkOptions(options, ["firstStep", "saveState"]);
  const { firstStep, saveState } = options;
  if (firstStep !== undefined) checkInteger("firstStep", firstStep, 0, MAX.uint32);
  if (saveState !== undefined && typeof saveState !== "function")
    wrongType("saveState", "a function", saveState);
  let first = firstStep;
  return {
    onBatchBegin() {
      scheduler.updateSeq(first ?? scheduler.stateDict().current_steps + 1);
      first = undefined;
    },
    async onEpochEnd(epoch) {
      await saveState?.(scheduler.stateDict(), epoch);
    },
  };
}
