/** The race shown before Start: one of *arrows* with its default settings, recorded by `npm run studio:record`. */
import { batch } from "@preact/signals";
import * as session from "./session.ts";
import { defaultsOf, toAddress } from "./settings.ts";
import type { LaneSeries } from "./worker/protocol.ts";

/** Shows the recorded race, unless the visitor has begun one of their own or wants other settings. */
export async function showRecorded(): Promise<void> {
  const { settings } = session;
  const usual = { ...defaultsOf("arrows"), backend: settings.value.backend, seconds: settings.value.seconds };
  if (toAddress(settings.value) !== toAddress(usual)) return;
  const { default: race } = await import("./recorded/arrows.json");
  if (session.phase.value !== "idle") return;
  batch(() => {
    session.recordedSeconds.value = race.seconds;
    session.series.value = race.series as readonly LaneSeries[];
  });
}
