/** The race shown before Start: one of *arrows* with its default settings, recorded by `npm run studio:record`. */
import { batch, effect } from "@preact/signals";
import * as session from "./session.ts";
import { defaultsOf, toAddress } from "./settings.ts";
import type { LaneSeries, Sample } from "./worker/protocol.ts";

/** What is recorded. */
interface Recorded {
  readonly seconds: number;
  readonly series: readonly LaneSeries[];
  readonly samples: readonly Sample[];
}

/** Shows the recorded race whenever no other is there to be shown and the settings are those that it had. */
export function showRecorded(): void {
  effect(() => {
    const { settings, phase, recordedSeconds } = session;
    const usual = {
      ...defaultsOf("arrows"),
      backend: settings.value.backend,
      seconds: settings.value.seconds,
    };
    if (phase.value !== "idle" || recordedSeconds.value !== undefined) return;
    if (toAddress(settings.value) !== toAddress(usual)) return;
    const wanted = settings.value;
    void import("./recorded/arrows.json").then(({ default: race }) => {
      if (phase.peek() === "idle" && settings.peek() === wanted) put(race as unknown as Recorded);
    });
  });
}

function put(race: Recorded): void {
  batch(() => {
    session.recordedSeconds.value = race.seconds;
    session.series.value = race.series;
    session.samples.value = race.samples;
  });
}
