/** The tab itself: its title tells how far the race is, and how long it was hidden is told when it is looked at again. */
import { effect, signal } from "@preact/signals";
import { busy, phase, spent } from "./session.ts";

const TITLE = document.title;

/** Seconds that the tab was hidden during this race. Browsers may slow hidden tabs, all runs alike. */
export const hiddenSeconds = signal(0);

/** Starts to watch. */
export function watchTab(): void {
  effect(() => {
    const { now, of } = spent.value;
    document.title = busy.value ? `${Math.floor((100 * now) / of)}% · ${TITLE}` : TITLE;
  });
  effect(() => {
    if (phase.value === "starting") hiddenSeconds.value = 0;
  });
  let since: number | undefined;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") since = Date.now();
    else if (since !== undefined && busy.peek()) hiddenSeconds.value += (Date.now() - since) / 1000;
  });
}
