/** Tests on one device of Dawn. */
import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { openDevice, whyNoDawn } from "./dawn.ts";
import type { HeardDevice } from "./hear.ts";

/**
 * A `describe` with a device, the errors of which are heard after each test; skipped, visibly, where there is none.
 *
 * @param take Is handed the device before the first test.
 */
export function describeOnDawn(name: string, take: (device: GPUDevice) => void, define: () => void): void {
  const reason = whyNoDawn();
  describe.skipIf(reason)(`${name}${reason ? ` (not here: ${reason})` : ""}`, () => {
    let heard: HeardDevice;
    beforeAll(async () => {
      heard = await openDevice();
      take(heard.device);
    });
    afterEach(() => heard.check());
    afterAll(() => heard.close());
    define();
  });
}
