/** The page's address: every setting in it, range-checked, bad values falling back with a note. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultsOf, fromAddress, LANES, type Settings, TASKS, toAddress } from "../../studio/settings.ts";

const settings: fc.Arbitrary<Settings> = fc
  .constantFrom(...(Object.keys(TASKS) as Settings["task"][]))
  .chain((task) =>
    fc.record({
      task: fc.constant(task),
      seconds: fc.integer({ min: 5, max: 3600 }),
      steps: fc.integer({ min: 0, max: 100_000 }),
      lanes: fc
        .subarray(LANES.slice(1), { minLength: 1 })
        .map((lanes) => LANES.filter((lane) => lane === "full" || lanes.includes(lane))),
      layers: fc.integer({ min: 3, max: 12 }),
      channels: fc.integer({ min: 1, max: 8 }).map((n) => 16 * n),
      batch: fc.integer({ min: 1, max: 64 }),
      reserved: fc.integer({ min: 1, max: TASKS[task].seqLength / 4 }).map((n) => 4 * n),
      growth: fc.constantFrom("constant" as const, "growing" as const),
      until: fc.integer({ min: 10, max: 100 }),
      rate: fc.integer({ min: 10, max: 100_000 }),
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      backend: fc.constantFrom("auto" as const, "wasm" as const, "webgpu" as const),
    }),
  );

describe("settings in the address", () => {
  test("go there and come back", () => {
    fc.assert(
      fc.property(settings, (wanted) => {
        expect(fromAddress(toAddress(wanted))).toEqual({ settings: wanted, notes: [] });
      }),
    );
  });

  test("a task's defaults take no room", () => {
    for (const task of Object.keys(TASKS) as Settings["task"][]) {
      expect(toAddress(defaultsOf(task))).toBe(`?task=${task}`);
    }
  });

  test.each([
    ["?task=chess", "task"],
    ["?layers=0", "layers"],
    ["?layers=13", "layers"],
    ["?layers=-3", "layers"],
    ["?layers=1e9", "layers"],
    ["?seed=4294967296", "seed"],
    ["?seed=%00", "seed"],
    ["?k=30", "k"],
    ["?k=132", "k"],
    ["?channels=20", "channels"],
    ["?lanes=full", "lanes"],
    ["?lanes=full.ltd.<script>", "lanes"],
    ["?backend=cuda", "backend"],
    ["?until=101", "until"],
  ])("%s falls back, with a note", (address, name) => {
    const { settings, notes } = fromAddress(address);
    expect(notes.map((note) => note.name)).toEqual([name]);
    expect(settings).toEqual(defaultsOf("arrows"));
  });

  test("nothing in an address throws, and what comes of it is in range", () => {
    fc.assert(
      fc.property(fc.webQueryParameters(), fc.string(), (query, junk) => {
        const { settings } = fromAddress(`?${query}&layers=${junk}&k=${junk}&lanes=${junk}`);
        expect(fromAddress(toAddress(settings))).toEqual({ settings, notes: [] });
      }),
    );
  });
});
