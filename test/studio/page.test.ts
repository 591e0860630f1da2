/** The built page in real browsers: one build, one Chromium, its suites one after the other. */
import { afterAll, beforeAll, describe } from "vitest";
import { whyNot } from "../../scripts/swiftshader.js";
import { openSite, type Site } from "../../studio/node/site.ts";
import { clock } from "./page/clock.ts";
import { elsewhere } from "./page/elsewhere.ts";
import { keeping } from "./page/keeping.ts";
import { loading } from "./page/loading.ts";
import { refusals } from "./page/refusals.ts";
import { training } from "./page/training.ts";
import { weight } from "./page/weight.ts";

const reason = whyNot();
if (reason !== undefined && process.env.CI) throw new Error(`no Chromium in CI: ${reason}`);

describe.skipIf(reason !== undefined)(`the page ${reason ?? ""}`, () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site?.close());
  const suites = { loading, training, keeping, clock, refusals, weight, elsewhere };
  for (const [name, suite] of Object.entries(suites)) describe(name, () => suite(() => site));
});
