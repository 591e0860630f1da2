/** The words that more than one view uses. */
import { lengthsOf, SHALLOW } from "./plan.ts";
import { type LaneName, type Settings, TASKS } from "./settings.ts";

/** What a run is called on the page. */
export function laneName(lane: LaneName, { task }: Pick<Settings, "task">): string {
  return {
    full: "all tokens",
    ltd: "random-LTD",
    route: "one route",
    shallow: SHALLOW[task] === 1 ? "1 layer" : `${SHALLOW[task]} layers`,
  }[lane];
}

/** What each run is, where it stands on the page. */
export const EXPLAINED: Readonly<Record<LaneName, string>> = {
  full: "Every token goes through every layer.",
  ltd: "Each middle layer draws its own K tokens at random, anew for every step; the others skip that layer.",
  route: "One random draw of K tokens goes through all the middle layers; the others skip them all.",
  shallow:
    "The control: fewer layers, every token, so more steps in the same time. If it wins, depth did not pay.",
};

const COUNTS = ["no", "one", "two", "three", "four"];

/** What is in the race, as the page's headline: who races, and what sets some of them apart. */
export function headline({ lanes, task, reserved }: Settings): readonly [string, string] {
  const dropping = lanes.filter((lane) => lane === "ltd" || lane === "route").length;
  const most = 2 * reserved < TASKS[task].seqLength ? "most" : "some";
  const count = capital(COUNTS[lanes.length]);
  const skips = [
    "One has fewer layers.",
    `One skips ${most} of its tokens.`,
    `Two skip ${most} of their tokens.`,
  ][dropping];
  return [`${count} transformers, one seed.`, skips];
}

export const capital = (words: string): string => words[0].toUpperCase() + words.slice(1);

/** What a race will cost before it trains. */
export function estimate(settings: Settings): string {
  const lengths = lengthsOf(settings).length;
  const dropping = settings.lanes.filter((lane) => lane === "ltd" || lane === "route").length;
  const programs = settings.lanes.length - dropping + dropping * lengths;
  return `Compiling takes about ${programs} to ${programs * 3} s at the start. The clock does not count it.`;
}

/** Minutes and seconds. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
