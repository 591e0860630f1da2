/** What the page says of a race, its mark and its table, held by fixtures: ahead, behind, a tie, a control that wins. */
import { describe, expect, test } from "vitest";
import { defaultsOf } from "../../studio/settings.ts";
import { shownOf } from "../../studio/verdict.ts";
import { emptySeries, type LaneSeries } from "../../studio/worker/protocol.ts";

const settings = defaultsOf("digits");

/** A run whose held-out losses after 10, 20, 30 seconds are these; its last rows lie around the last loss. */
function run(lane: LaneSeries["lane"], losses: number[], spread = 0.01): LaneSeries {
  const held = losses.map((loss, i) => ({
    step: 100 * (i + 1),
    seconds: 10 * (i + 1),
    layerTokens: 1000 * (i + 1),
    flops: 1e6 * (i + 1),
    loss,
    lossError: 0.01,
    accuracy: 0.5,
    accuracyError: 0.01,
  }));
  const last = losses.at(-1)!;
  const sign = { full: 1, ltd: -1, route: -1, shallow: 1 }[lane];
  const rowLosses = Array.from({ length: 64 }, (_, i) => last + (i % 2 ? spread : -spread) * sign);
  return { ...emptySeries(lane, 4), held, rowLosses };
}

describe("the verdict on the page", () => {
  test("ahead: the seconds that it needed, and the mark and the table say the same", () => {
    const { say, mark, price } = shownOf(
      [run("full", [2, 1.5, 1]), run("ltd", [1.5, 0.5, 0.4])],
      settings,
      true,
    );
    expect(say).toBe("Random-LTD ended ahead: it needed 15 s for what all tokens have after 30 s.");
    expect(mark?.seconds).toEqual({ y: 1, from: 15, to: 30 });
    expect(mark?.steps).toEqual({ y: 1, from: 150, to: 300 });
    expect(price?.seconds).toEqual({ full: 30, ltd: 15 });
    expect(price?.layerTokens).toEqual({ full: 3000, ltd: 1500 });
  });

  test("under ten seconds, tenths tell runs apart", () => {
    const early = ({ held, ...rest }: ReturnType<typeof run>) => ({
      ...rest,
      held: held.map((check) => ({ ...check, seconds: check.seconds / 10 })),
    });
    const { say } = shownOf(
      [early(run("full", [2, 1.5, 1])), early(run("ltd", [1.5, 0.5, 0.4]))],
      settings,
      false,
    );
    expect(say).toBe("Random-LTD is ahead: it needed 1.5 s for what all tokens have after 3.0 s.");
  });

  test("behind", () => {
    const { say, mark } = shownOf([run("full", [1.5, 0.5, 0.4]), run("ltd", [2, 1.5, 1])], settings, false);
    expect(say).toBe("Random-LTD is behind: all tokens learned more in the same time.");
    expect(mark?.seconds).toEqual({ y: 1, from: 15, to: 30 });
  });

  test("too close to call", () => {
    const { say } = shownOf([run("full", [2, 1, 0.5], 0.4), run("ltd", [2, 1, 0.49], 0.4)], settings, false);
    expect(say).toBe("Random-LTD and all tokens are too close to call.");
  });

  test("a control that beats both", () => {
    const lanes = [run("full", [2, 1.5, 1]), run("ltd", [1.5, 0.8, 0.7]), run("shallow", [1, 0.4, 0.3])];
    expect(shownOf(lanes, settings, true).say).toBe(
      "The control beat random-LTD and all tokens: depth does not pay here yet.",
    );
  });

  test("nothing before the first check", () => {
    const { say, mark, price } = shownOf([emptySeries("full", 4), emptySeries("ltd", 4)], settings, false);
    expect(say).toContain("No verdict yet");
    expect([mark, price]).toEqual([undefined, undefined]);
  });
});
