/** A race as a file: out and in again, and what is refused in words that a visitor understands. */
import { describe, expect, test } from "vitest";
import { defaultsOf } from "../../studio/settings.ts";
import { fromFile, type KeptRace, toFile } from "../../studio/storage.ts";
import { packed, unpacked } from "../../studio/worker/bundle.ts";
import { emptySeries } from "../../studio/worker/protocol.ts";

const race: KeptRace = {
  id: "a",
  begun: 1,
  settings: defaultsOf("arrows"),
  backend: "wasm",
  series: [emptySeries("full", 6), emptySeries("route", 6)],
  verdict: "",
  fingerprint: "",
  done: true,
};

describe("a race's file", () => {
  test("holds the same series, under a new id", () => {
    const { id, ...rest } = fromFile(toFile(race));
    const { id: before, ...wanted } = race;
    expect(rest).toEqual(wanted);
    expect(id).not.toBe(before);
  });

  test.each([
    ["", "not JSON"],
    ["null", "no race"],
    ["[]", "no race"],
    ['{"format":"random-ltd studio race","version":2}', "no race"],
    ['{"format":"random-ltd studio race","version":1,"race":{}}', "damaged"],
    [
      '{"format":"random-ltd studio race","version":1,"race":{"begun":1,"settings":{"task":"text"},"series":[{}]}}',
      "damaged",
    ],
  ])("%s is refused", (text, words) => {
    expect(() => fromFile(text)).toThrow(words);
  });
});

test("states of several runs as one array of bytes", () => {
  const parts = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)];
  expect(unpacked(packed(parts))).toEqual(parts);
});
