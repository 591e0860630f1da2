/** Which shaders there are, and which of them an operation runs: sections of gpu/ by their labels. */
import type { Shader } from "./programs.ts";

/** What is done to rows: answers to the questions of gpu/rows.wgsl. */
export type Way = readonly [
  source: "index" | "map" | "corner" | "named",
  retained: "moved" | "zeroed" | "added",
  rest: "left" | "copied" | "zeroed",
];

/** The shader that does it to rows in units of 16 bytes, of 4 or of 1. */
export function rowShader([source, retained, rest]: Way, unit: number): Shader {
  const named = source === "named";
  const bytes = unit === 1;
  return {
    file: "rows",
    sections: [
      unit === 16 ? "unit = 16_bytes" : "unit = 4_bytes",
      named ? "row_to = named" : "row_to = each",
      // In place, words that rows share are written by the map.
      `source_of = ${named && bytes ? "map" : source}`,
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
  return {
    file: "masks",
    sections:
      elementBytes === 4
        ? [
            "elements = 4_bytes",
            ...(quads
              ? (["unit = 16_bytes", "work = quads"] as const)
              : (["unit = 4_bytes", "work = words"] as const)),
          ]
        : [
            elementBytes === 2 ? "elements = 2_bytes" : "elements = 1_byte",
            "unit = 4_bytes",
            "words = shared",
            odd ? "work = odd" : "work = parts",
          ],
  };
}

/** Every shader there is. */
export function everyShader(): Shader[] {
  const ways: Way[] = [
    ["index", "moved", "left"],
    ["corner", "moved", "left"],
    ["map", "moved", "copied"],
    ["map", "moved", "zeroed"],
    ["map", "zeroed", "copied"],
    ["named", "moved", "left"],
    ["named", "zeroed", "left"],
    ["named", "added", "left"],
  ];
  return [
    ...ways.flatMap((way) =>
      // Only float32 are added, which are whole words.
      (way[1] === "added" ? [16, 4] : [16, 4, 1]).map((unit) => rowShader(way, unit)),
    ),
    INVERSION,
    maskShader(4, true, false),
    maskShader(4, false, false),
    ...[1, 2].flatMap((bytes) => [maskShader(bytes, false, false), maskShader(bytes, false, true)]),
  ];
}
