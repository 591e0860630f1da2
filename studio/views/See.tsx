/** What each layer sees: an example's tokens once a layer, the retained ones marked, at any step of the run. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Example, exampleOf } from "../example.ts";
import { drawsOf } from "../plan.ts";
import { seen, spread } from "../retained.ts";
import * as session from "../session.ts";
import { type Settings, TASKS } from "../settings.ts";
import { laneName } from "../words.ts";
import { Choice } from "./Choice.tsx";
import { LayerImages } from "./LayerImages.tsx";
import { LayerWords } from "./LayerWords.tsx";
import { Slider } from "./Slider.tsx";

type Mode = "step" | "sum";

const MODES = [
  ["step", "at this step"],
  ["sum", "so far, how often"],
] as const;

/** The token that is followed at first: the query of *arrows*, a place where the digit has ink, the first letter. */
const FIRST = { arrows: 0, digits: 66, text: 0 } as const;

/** The run whose tokens are shown: the first that drops any. */
function droppingLane() {
  return session.settings.value.lanes.find((lane) => lane === "route" || lane === "ltd");
}

/** The last step that dropped tokens: what is worth showing of a run that is over. */
function lastDropping(lengths: readonly number[], S: number): number {
  for (let step = lengths.length - 1; step >= 0; step--) if (lengths[step] < S) return step;
  return 0;
}

/** The example of a task; undefined until it is there, and for good where its data can't be had. */
function useExample(task: Settings["task"]): Example | undefined {
  const [example, setExample] = useState<{ readonly task: Settings["task"]; readonly found: Example }>();
  useEffect(() => {
    let isCurrent = true;
    exampleOf(task).then(
      (found) => isCurrent && setExample({ task, found }),
      () => undefined, // the race itself says why it can't start
    );
    return () => {
      isCurrent = false;
    };
  }, [task]);
  return example?.task === task ? example.found : undefined;
}

export function See() {
  const { settings, shown, phase } = session;
  const { task, reserved } = settings.value;
  const lane = droppingLane();
  const example = useExample(task);
  const [mode, setMode] = useState<Mode>("step");
  const [chosen, setChosen] = useState<number>();
  const [token, setToken] = useState<{ task: string; at: number }>();
  const [layer, setLayer] = useState(1);
  const S = TASKS[task].seqLength;

  const steps = shown.value.find((one) => one.lane === lane)?.steps.reserved ?? [];
  const isAhead = steps.length === 0; // before the first step: what that step will draw
  const lengths = isAhead ? [reserved] : steps;
  const last = lengths.length - 1;
  const live = phase.value === "running" || phase.value === "paused";
  const usual = live ? last : lastDropping(lengths, S);
  const step = Math.min(chosen ?? usual, last);
  const upTo = mode === "sum" ? last : step;
  const layers = useMemo(() => {
    if (!lane) return [];
    const all = mode === "step" ? [upTo] : spread(upTo + 1);
    return seen(drawsOf(settings.value, lane), all, lengths);
  }, [settings.value, lane, mode, upTo, lengths[upTo]]);

  if (!lane || !example) {
    return (
      <section class="panel" id="see" aria-labelledby="h-see">
        <h2 id="h-see">What each layer sees</h2>
        <p class="cap">
          {lane
            ? "The example comes with the data of this task."
            : "No run of this race drops tokens, so every layer sees them all. Add random-LTD or one route."}
        </p>
      </section>
    );
  }
  const at = token?.task === task ? token.at : FIRST[task];
  const onToken = (to: number) => setToken({ task, at: to });
  const through = layers.flatMap(({ counts }, l) => (counts === null || counts[at] > 0 ? [l] : []));
  const props = { layers, token: at, onToken, S, color: `--${lane}` };
  return (
    <section class="panel" id="see" aria-labelledby="h-see" style={{ "--mark": `var(--${lane})` }}>
      <div class="head">
        <h2 id="h-see">
          What each layer sees <small class={`c-${lane}`}>{laneName(lane, settings.value)}</small>
        </h2>
        <div class="small">
          <Choice
            legend="Show"
            name="mode"
            choices={MODES}
            value={mode}
            disabled={isAhead}
            onChoose={setMode}
          />
        </div>
      </div>
      <p class="cap">
        {example.caption}{" "}
        {mode === "step"
          ? "Marked tokens go through the layer at this step. The others pass it by, unchanged."
          : "How often each token has been through each layer so far. Only chance decides, so it evens out."}
      </p>
      {example.kind === "image" ? (
        <LayerImages example={example} {...props} />
      ) : (
        <LayerWords example={example} {...props} layer={layer} onLayer={setLayer} />
      )}
      <p class="path" aria-live="polite">
        {mode === "step" && (
          <>
            {example.nameOf(at)} goes through <b>{through.length}</b> of {layers.length} layers
            {through.length > 0 ? `: ${through.join(", ")}` : ""}.
          </>
        )}
      </p>
      {isAhead ? (
        <p class="path">
          This is what the first step will draw: seed and step decide it, so it is known before.
        </p>
      ) : (
        <div class="scrub">
          <Slider name="Step" max={last} value={step} disabled={mode === "sum"} onSlide={setChosen} />
          <output>
            <b>{step}</b>, K <b>{lengths[step]}</b> of {S}
          </output>
          <button
            type="button"
            class="ghost sm"
            disabled={chosen === undefined}
            onClick={() => setChosen(undefined)}
          >
            {live ? "Follow the run" : "Last step that drops"}
          </button>
        </div>
      )}
    </section>
  );
}
