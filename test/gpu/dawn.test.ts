/** The suites of the operations, on Dawn in Node over SwiftShader. */
import { describe, test } from "vitest";
import { masksSuite } from "../suites/masks.ts";
import { tokensSuite } from "../suites/tokens.ts";
import { openDevice, whyNoDawn } from "./dawn.ts";
import { gpuHarness } from "./harness.ts";
import { hearSuite } from "./hear-suite.ts";

const reason = whyNoDawn();
if (reason === undefined) {
  hearSuite("Dawn", openDevice);
  tokensSuite(gpuHarness("Dawn", openDevice));
  masksSuite(gpuHarness("Dawn", openDevice));
} else {
  describe("Dawn", () => test.skip(`not here: ${reason}`, () => {}));
}
