/** A sentence about the race: the runs' names in their colours, seconds in bold. */
import { LANES, type Settings } from "../settings.ts";
import { laneName } from "../words.ts";

export function Coloured({ text, settings }: { text: string; settings: Settings }) {
  const lanes = new Map(LANES.map((lane) => [laneName(lane, settings).toLowerCase(), lane]));
  const parts = text.split(new RegExp(`(${[...lanes.keys()].join("|")}|\\d+ s\\b)`, "i"));
  return (
    <>
      {parts.map((part, i) => {
        if (i % 2 === 0) return part;
        const lane = lanes.get(part.toLowerCase());
        return (
          <b key={String(i)} class={lane && `c-${lane}`}>
            {part}
          </b>
        );
      })}
    </>
  );
}
