import { defaultDevice, grad, init, jit, numpy as np } from "@jax-js/jax";
import { jaxOps } from "../../src/adapters/jax.ts";
import { type TensorData, tensor } from "../../src/index.ts";
import { alongSuite, type TensorKind } from "../suites/along.ts";
import { routesSuite } from "../suites/routes.ts";

for (const device of ["cpu", "wasm"] as const) {
  for (const ownIndices of [false, true]) {
    const kind: TensorKind<np.Array> = {
      name: `jax-js on ${device}, indices ${ownIndices ? "in an array" : "on the CPU"}`,
      ops: jaxOps,
      async open() {
        await init(device);
        defaultDevice(device);
      },
      put: ({ data, shape }) => np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] }),
      async get(t) {
        const { shape } = t;
        return tensor(t.dataSync() as TensorData, shape);
      },
      ownIndices,
      boundaries: true,
      looksInto: true,
      async gradient(take, { data, shape }, weights) {
        const array = (t: typeof weights) =>
          np.array(t.data as Float32Array<ArrayBuffer>, { shape: [...t.shape] });
        const loss = (value: np.Array) => take(value).mul(array(weights)).sum();
        const run = ownIndices ? jit(grad(loss)) : grad(loss);
        const got = run(np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] })) as np.Array;
        return tensor(got.ref.dataSync() as TensorData, got.shape);
      },
    };
    alongSuite(kind);
    routesSuite(kind);
  }
}
