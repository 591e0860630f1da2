/** What each layer sees: an example's tokens once a layer, the retained ones marked, at any step of the run. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Example, exampleOf } from "../example.ts";
import { drawsOf } from "../plan.ts";
import { seen, spread } from "../retained.ts";
import * as session from "../session.ts";
import { TASKS } from "../settings.ts";
import { LayerImages } from "./LayerImages.tsx";
import { LayerWords } from "./LayerWords.tsx";
import { Choice } from "./Setup.tsx";

type Mode = "step" | "sum";

/** The run whose tokens are shown: the first that drops any. */
function droppingLane() {
  return session.settings.value.lanes.find((lane) => lane === "route" || lane === "ltd");
}

/** The last step that dropped tokens: what is worth showing of a run that is over. */
function lastDropping(lengths: readonly number[], S: number): number {
  for (let step = lengths.length - 1; step >= 0; step--) if (lengths[step] < S) return step;
  return 0;
}

export function See() {
  const { settings, series, phase } = session;
  const lane = droppingLane();
  const [mode, setMode] = useState<Mode>("step");
  const [chosen, setChosen] = useState<number>();
  const [token, setToken] = useState(0);
  const [layer, setLayer] = useState(1);
  const [example, setExample] = useState<Example>();
  const { task } = settings.value;
  useEffect(() => {
    let current = true;
    setExample(undefined);
    exampleOf(task).then(
      (found) => current && setExample(found),
      () => undefined, // without its data the example is left out; the race itself says why it can't start
    );
    return () => {
      current = false;
    };
  }, [task]);

  const run = series.value.find((one) => one.lane === lane);
  const lengths = run?.steps.reserved ?? [];
  const last = Math.max(0, lengths.length - 1);
  const live = phase.value === "running" || phase.value === "paused";
  const step = Math.min(chosen ?? (live ? last : lastDropping(lengths, TASKS[task].seqLength)), last);
  const follows = chosen === undefined;
  const upTo = mode === "sum" ? last : step;
  const layers = useMemo(() => {
    if (!lane || !run) return [];
    const steps = mode === "step" ? [upTo] : spread(upTo + 1);
    return seen(drawsOf(settings.value, lane), steps, lengths);
  }, [settings.value, lane, mode, upTo, lengths[upTo]]);

  if (!lane || !run || !example) {
    return (
      <section class="panel" id="see" aria-labelledby="h-see">
        <h2 id="h-see">What each layer sees</h2>
        <p class="cap">
          {lane
            ? "The example comes with the race."
            : "No run of this race drops tokens. Add random-LTD or one route."}
        </p>
      </section>
    );
  }
  const S = TASKS[task].seqLength;
  const through = layers.flatMap(({ counts }, l) => (counts === null || counts[token] > 0 ? [l] : []));
  return (
    <section class="panel" id="see" aria-labelledby="h-see">
      <div class="head">
        <h2 id="h-see">What each layer sees</h2>
        <div class="small">
          <Choice
            legend="Show"
            name="mode"
            choices={[
              ["step", "at this step"],
              ["sum", "so far, how often"],
            ]}
            value={mode}
            disabled={false}
            onChoose={setMode}
          />
        </div>
      </div>
      <p class="cap">
        {example.caption}{" "}
        {mode === "step"
          ? "Marked tokens go through the layer at this step; the others pass it by, unchanged."
          : "How often each token has been through each layer so far. Nothing but chance decides, so the marks even out."}{" "}
        {phase.value === "idle" ? "From a recorded race." : ""}
      </p>
      {example.kind === "image" ? (
        <LayerImages example={example} layers={layers} token={token} onToken={setToken} S={S} />
      ) : (
        <LayerWords
          example={example}
          layers={layers}
          layer={layer}
          onLayer={setLayer}
          token={token}
          onToken={setToken}
          S={S}
        />
      )}
      <div class="scrub">
        <button
          type="button"
          class="ghost"
          aria-pressed={follows}
          onClick={() => setChosen(follows ? step : undefined)}
        >
          {follows ? (live ? "Following the run" : "Last step that drops") : "Follow the run"}
        </button>
        <label>
          <span class="sr">Step</span>
          <input
            type="range"
            min={0}
            max={last}
            value={step}
            disabled={mode === "sum"}
            onInput={(event) => setChosen(event.currentTarget.valueAsNumber)}
          />
        </label>
        <output>
          step <b>{step}</b>, K <b>{lengths[step] ?? S}</b> of {S}
        </output>
      </div>
      {mode === "step" && (
        <p class="path" aria-live="polite">
          {example.nameOf(token)} goes through <b>{through.length}</b> of {layers.length} layers at this step
          {through.length > 0 ? `: ${through.join(", ")}` : ""}.
        </p>
      )}
    </section>
  );
}
