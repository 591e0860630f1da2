/** Every setting of a race that is not on the page's first lines. */
import { useEffect, useRef, useState } from "preact/hooks";
import * as session from "../session.ts";
import { fromAddress, type Settings, TASKS, toAddress } from "../settings.ts";
import { estimate } from "../words.ts";

interface Field {
  readonly name: keyof Settings & string;
  readonly label: string;
  readonly help?: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

function fieldsOf({ task }: Settings): readonly Field[] {
  const { seqLength } = TASKS[task];
  return [
    { name: "layers", label: "Layers", help: "The first one sees every token.", min: 3, max: 12, step: 1 },
    { name: "channels", label: "Channels", help: "The width of a token.", min: 16, max: 128, step: 16 },
    { name: "batch", label: "Batch", help: "Examples in a step.", min: 1, max: 64, step: 1 },
    {
      name: "reserved",
      label: "K at the start",
      help: `Of ${seqLength} tokens. Multiples of 4 are fast.`,
      min: 4,
      max: seqLength,
      step: 4,
    },
    {
      name: "until",
      label: "Dropping ends at, %",
      help: "Of the run. Then all tokens return.",
      min: 10,
      max: 100,
      step: 1,
    },
    {
      name: "rate",
      label: "Learning rate, × 10⁻⁶",
      help: "6000 means 0.006.",
      min: 10,
      max: 100_000,
      step: 10,
    },
    {
      name: "steps",
      label: "Steps instead of time",
      help: "0 means by time. By steps, a race repeats to the bit.",
      min: 0,
      max: 100_000,
      step: 1,
    },
    {
      name: "seed",
      label: "Seed",
      help: "Of weights, batches and draws.",
      min: 0,
      max: 2 ** 32 - 1,
      step: 1,
    },
  ];
}

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState(session.settings.value);
  useEffect(() => box.current!.showModal(), []);
  const put = (next: Partial<Settings>) => setDraft({ ...draft, ...next });
  // The address's own rules judge the draft: one place knows what is in range.
  const { notes } = fromAddress(toAddress(draft));
  return (
    <dialog ref={box} aria-labelledby="h-dlg" onClose={onClose}>
      <form
        method="dialog"
        onSubmit={() => {
          if (notes.length === 0) session.change(draft);
        }}
      >
        <h2 id="h-dlg">
          Settings <small>They are kept in the address.</small>
        </h2>
        <div class="grid">
          {fieldsOf(draft).map(({ name, label, help, ...range }) => (
            <label key={name}>
              {label}
              <input
                type="number"
                {...range}
                required
                value={String(draft[name])}
                onInput={(event) => put({ [name]: event.currentTarget.valueAsNumber })}
              />
              {help && <small>{help}</small>}
            </label>
          ))}
          <label>
            K as the run goes on
            <select
              value={draft.growth}
              onChange={(event) => put({ growth: event.currentTarget.value as Settings["growth"] })}
            >
              <option value="constant">stays the same</option>
              <option value="growing">grows in equal steps</option>
            </select>
            <small>Until dropping ends.</small>
          </label>
          <label>
            Train on
            <select
              value={draft.backend}
              onChange={(event) => put({ backend: event.currentTarget.value as Settings["backend"] })}
            >
              <option value="auto">the fastest there is</option>
              <option value="wasm">the CPU, by WebAssembly</option>
              <option value="webgpu">the GPU, by WebGPU</option>
            </select>
            <small>Only WebAssembly gives the same bits everywhere.</small>
          </label>
        </div>
        <div class="foot">
          <span role="status">{notes[0]?.text ?? estimate(draft)}</span>
          <button type="button" class="ghost" onClick={() => box.current!.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={notes.length > 0}>
            Use these
          </button>
        </div>
      </form>
    </dialog>
  );
}
