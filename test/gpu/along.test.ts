import { describe, test } from "vitest";
import { dispose, type FrameworkOps, type GPUTensor, tensorOps, toCPU, toGPU } from "../../src/index.ts";
import { alongSuite, type TensorKind } from "../suites/along.ts";
import { routesSuite } from "../suites/routes.ts";
import { openDevice, whyNoDawn } from "./dawn.ts";
import type { HeardDevice } from "./hear.ts";

const reason = whyNoDawn();
if (reason === undefined) {
  for (const ownIndices of [false, true]) {
    let heard: HeardDevice;
    const kind: TensorKind<GPUTensor> = {
      name: `the GPU, indices on the ${ownIndices ? "GPU" : "CPU"}`,
      ops: tensorOps as unknown as FrameworkOps<GPUTensor>,
      async open() {
        heard = await openDevice();
      },
      close: () => heard.close(),
      put: (t) => toGPU(t, heard.device),
      async get(t) {
        const here = await toCPU(t);
        dispose(t);
        await heard.check();
        return here;
      },
      ownIndices,
      boundaries: !ownIndices,
      looksInto: false,
    };
    alongSuite(kind);
    routesSuite(kind);
  }
} else {
  describe("what runs along the sequence: the GPU", () => test.skip(`not here: ${reason}`, () => {}));
}
