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
  // The large sizes are those at which the WASM core cuts its work; windows.test.ts has those of the GPU.
  tokensSuite(gpuHarness("Dawn", openDevice), { large: "some" });
  masksSuite(gpuHarness("Dawn", openDevice), { large: "some" });
} else {
  describe("Dawn", () => test.skip(`not here: ${reason}`, () => {}));
}
