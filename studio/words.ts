/** The words that more than one view uses. */

import { lengthsOf, SHALLOW } from "./plan.ts";
import type { LaneName, Settings } from "./settings.ts";

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
  full: "every token goes through every layer",
  ltd: "each middle layer draws its own K tokens, anew for every step and row",
  route: "one draw of K tokens goes through all the middle layers together",
  shallow: "a control: fewer layers, every token, and so more steps in the same time",
};

/** What a race will cost before it trains. */
export function estimate(settings: Settings): string {
  const lengths = lengthsOf(settings).length;
  const dropping = settings.lanes.filter((lane) => lane === "ltd" || lane === "route").length;
  const programs = settings.lanes.length - dropping + dropping * lengths;
  return `${programs} programs to compile, about ${programs} to ${programs * 3} s; the clock does not count them.`;
}

/** Minutes and seconds. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
