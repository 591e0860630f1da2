/** The README's examples of training: what they print, [step, K, loss], run as they stand there. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { build, type Plugin } from "esbuild";

const path = (name: string) => new URL(`../../${name}`, import.meta.url).pathname;

export const readme: string = readFileSync(path("README.md"), "utf8");

/** The README's section on training, to the next heading of its rank. */
export const training: string = /^## Training\n[\s\S]*?(?=^## )/m.exec(readme)![0];

/** Each `js` block below a heading of that section. */
function blocksUnder(heading: string): string[] {
  const [, text] = training.split(`\n${heading}\n`);
  return [...text.split(/^##/m)[0].matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
}

/** The files that examples import: blocks whose first line is a comment with the name. */
const files = new Map(
  [...training.matchAll(/```js\n\/\/ (\S+\.js)\n([\s\S]*?)```/g)].map(([, name, code]) => [name, code]),
);

const beside: Plugin = {
  name: "blocks of the README",
  setup(b) {
    b.onResolve({ filter: /^\.\// }, ({ path }) => {
      const name = path.slice(2);
      return files.has(name) ? { path: name, namespace: "readme" } : undefined;
    });
    b.onLoad({ filter: /.*/, namespace: "readme" }, ({ path }) => ({
      contents: files.get(path),
      resolveDir: import.meta.dirname,
    }));
  },
};

/** The example under a heading: its last block. */
export function exampleUnder(heading: string): string {
  return blocksUnder(heading).at(-1)!;
}

/** Runs an example in a Node of its own, over the library's sources, with `options` for Node. */
export async function runExample(
  code: string,
  { options = [], plugins = [] }: { options?: string[]; plugins?: Plugin[] } = {},
): Promise<number[][]> {
  const outfile = path(`out/examples/${process.pid}.mjs`);
  await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, sourcefile: "example.js" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["@jax-js/jax"],
    alias: {
      "random-ltd": path("src/index.ts"),
      "random-ltd/jax": path("src/adapters/jax.ts"),
      "random-ltd/tfjs": path("src/adapters/tfjs.ts"),
    },
    plugins: [beside, ...plugins],
    outfile,
  });
  const lines = execFileSync(process.execPath, [...options, outfile], { encoding: "utf8", timeout: 120_000 });
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
}
