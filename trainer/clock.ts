/** The time that training takes, told by a clock that the caller chooses. */

/** Milliseconds from some moment on: `performance.now`, or the processor time of a process. */
export type Clock = () => number;

/** A step may take so many times as long as its like, and this many seconds, before it is held to be a sleep. */
const TIMES = 10;
const SECONDS = 5;

/** Steps that are looked back on. */
const RECENT = 15;

/**
 * Seconds that a step counts for. A laptop that is shut in the middle of a step goes on hours later, and some clocks
 * count those: such a step counts as the steps before it did.
 *
 * @param took What the clock says.
 * @param before Seconds of steps of the same length, the last one last.
 */
export function awake(took: number, before: readonly number[]): number {
  if (took < SECONDS || before.length === 0) return took;
  const recent = before.slice(-RECENT).sort((a, b) => a - b);
  const usual = recent[recent.length >> 1];
  return took > TIMES * usual ? usual : took;
}
