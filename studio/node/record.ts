/** Records the race that the page shows before Start: npm run studio:record [-- seconds]. Node, WASM, one thread. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Evaluation } from "../../trainer/types.ts";
import { layersOf } from "../plan.ts";
import { defaultsOf } from "../settings.ts";
import { drive } from "../worker/drive.ts";
import { append, emptySeries, type LaneSeries, type News, type Sample } from "../worker/protocol.ts";

const seconds = Number(process.argv[2] ?? 120);
const settings = { ...defaultsOf("arrows"), seconds, backend: "wasm" as const };
const series = new Map(settings.lanes.map((lane) => [lane, emptySeries(lane, layersOf(settings, lane))]));
let samples: readonly Sample[] = [];

function hear(news: News): void {
  if (news.kind === "compiling") console.error(`compiling ${news.done + 1} of ${news.of}`);
  if (news.kind === "steps") {
    append(series.get(news.lane)!.steps, news.steps);
  }
  if (news.kind === "samples") samples = news.samples;
  if (news.kind === "held") {
    const one = series.get(news.lane)!;
    series.set(news.lane, { ...one, held: [...one.held, news.held], rowLosses: news.rowLosses });
    console.error(
      `${news.lane}: loss ${news.held.loss.toFixed(3)} after ${news.held.seconds.toFixed(0)} of ${seconds} s`,
    );
  }
}

/** A run with as many figures to a number as a chart shows. */
function small(one: LaneSeries): LaneSeries {
  const round = (list: readonly number[], figures: number) => list.map((v) => Number(v.toPrecision(figures)));
  const { steps, held, rowLosses } = one;
  return {
    ...one,
    steps: { ...steps, seconds: round(steps.seconds, 5), loss: round(steps.loss, 4), ms: round(steps.ms, 3) },
    held: held.map(
      (check) =>
        Object.fromEntries(
          Object.entries(check).map(([name, value]) => [name, Number(value.toPrecision(8))]),
        ) as unknown as Evaluation,
    ),
    rowLosses: round(rowLosses, 4),
  };
}

await drive({ kind: "start", settings }, hear, { wanted: "run", saveNow: false });
const file = fileURLToPath(new URL("../../studio/recorded/arrows.json", import.meta.url));
writeFileSync(file, `${JSON.stringify({ seconds, series: [...series.values()].map(small), samples })}\n`);
