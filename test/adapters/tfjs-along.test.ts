import { tensor } from "../../src/index.ts";
import { alongSuite, type TensorKind } from "../suites/along.ts";
import { routesSuite } from "../suites/routes.ts";
import { BACKENDS, tf, use } from "./tfjs/backends.ts";

const { tfjsOps } = await import("../../src/adapters/tfjs.ts");

for (const backend of BACKENDS) {
  for (const ownIndices of [false, true]) {
    const kind: TensorKind<any> = {
      name: `TF.js on ${backend}, indices ${ownIndices ? "in a tensor" : "on the CPU"}`,
      ops: tfjsOps,
      open: () => use(backend),
      put: ({ data, shape, dtype }) => tf.tensor(data.slice(), [...shape], dtype),
      async get(t) {
        const data = await t.data();
        t.dispose();
        return tensor(data, t.shape);
      },
      ownIndices,
      boundaries: true,
      looksInto: backend === "cpu" || backend === "wasm",
      async gradient(take, { data, shape }, weights) {
        const w = tf.tensor(weights.data.slice(), [...weights.shape]);
        const grad = tf.grad((value: any) => tf.sum(tf.mul(take(value), w)));
        const got = grad(tf.tensor(data.slice(), [...shape]));
        return tensor(await got.data(), got.shape);
      },
    };
    alongSuite(kind);
    routesSuite(kind);
  }
}
