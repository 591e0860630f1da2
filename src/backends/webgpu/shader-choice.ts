/** Which shaders there are, and which of them an operation runs: sections of gpu/ by their labels. */
import type { Shader } from "./programs.ts";

/** What is done to rows: answers to the questions of gpu/rows.wgsl. */
export interface Moving {
  /** Where a row comes from. */
  readonly from: "index" | "map" | "corner" | "named";
  /** What is done to the rows that indices name, and to the others. */
  readonly retained: "moved" | "zeroed" | "added";
  readonly rest: "left" | "copied" | "zeroed";
}

/** The shader that does it to rows in units of 16 bytes, of 4 or of 1. */
export function rowShader({ from, retained, rest }: Moving, unit: number): Shader {
  const named = from === "named";
  const bytes = unit === 1;
  return {
    file: "rows",
    sections: [
      unit === 16 ? "unit = 16_bytes" : "unit = 4_bytes",
      named ? "row_to = named" : "row_to = each",
      // In place, words that rows share are written by the map.
      `source_of = ${named && bytes ? "map" : from}`,
      `retained = ${retained}`,
      `rest = ${rest}`,
      ...(bytes ? (["words = shared", "work = bytes"] as const) : (["work = units"] as const)),
    ],
  };
}

/** The shader that makes a map. */
export const INVERSION: Shader = {
  file: "rows",
  sections: ["unit = 4_bytes", "row_to = named", "work = inversion"],
};

/** The shader that gathers masks of such elements; `quads` and `odd` as gpu/masks.wgsl has them. */
export function maskShader(elementBytes: number, quads: boolean, odd: boolean): Shader {
  if (elementBytes === 4) {
    return {
      file: "masks",
      sections: quads ? ["unit = 16_bytes", "work = quads"] : ["unit = 4_bytes", "work = words"],
    };
  }
  return {
    file: "masks",
    sections: [
      "unit = 4_bytes",
      "words = shared",
      elementBytes === 2 ? "elements = 2_bytes" : "elements = 1_byte",
      odd ? "work = odd" : "work = parts",
    ],
  };
}

/** Every shader there is. */
export function everyShader(): Shader[] {
  const ways: Moving[] = [
    { from: "index", retained: "moved", rest: "left" },
    { from: "corner", retained: "moved", rest: "left" },
    { from: "map", retained: "moved", rest: "copied" },
    { from: "map", retained: "moved", rest: "zeroed" },
    { from: "map", retained: "zeroed", rest: "copied" },
    { from: "named", retained: "moved", rest: "left" },
    { from: "named", retained: "zeroed", rest: "left" },
    { from: "named", retained: "added", rest: "left" },
  ];
  return [
    ...ways.flatMap((way) =>
      // Nothing is added by bytes.
      (way.retained === "added" ? [16, 4] : [16, 4, 1]).map((unit) => rowShader(way, unit)),
    ),
    INVERSION,
    maskShader(4, true, false),
    maskShader(4, false, false),
    ...[1, 2].flatMap((bytes) => [maskShader(bytes, false, false), maskShader(bytes, false, true)]),
  ];
}
