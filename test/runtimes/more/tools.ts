/** The tools: what each is installed with, a small page for it, and how that is built and run. */
import { join } from "node:path";
import { onPage, onServed, type Tool } from "./project.ts";

/** How many calls interpreters make. */
export const FEW_CALLS = 60;

/** The code that every tool gets, `seen` being what it tells. */
const SEEN = `import * as lib from "random-ltd";
import { digest } from "./digest.js";
export const seen = () => ({ backend: lib.cpuBackend(), digest: digest(lib) });
`;
const TO_TITLE = "document.title = JSON.stringify(seen());";

const inChromium = "its page in Chromium";

export const TOOLS: readonly Tool[] = [
  {
    name: "Next",
    packages: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
    files: {
      "app/seen.js": SEEN,
      "app/layout.js": `export default ({ children }) => <html><body>{children}</body></html>;`,
      "app/page.js": `"use client";
import { useEffect } from "react";
import { seen } from "./seen.js";
export default function Page() {
  useEffect(() => { ${TO_TITLE} }, []);
  return <p>random-ltd</p>;
}`,
      "app/node/route.js": `import { seen } from "../seen.js";
export const dynamic = "force-dynamic";
export const GET = () => Response.json(seen());`,
      "app/edge/route.js": `import { seen } from "../seen.js";
export const runtime = "edge";
export const GET = () => Response.json(seen());`,
    },
    async run(project) {
      project.withDigest("app");
      project.run("next", "build");
      const url = "http://127.0.0.1:3917";
      await project.start(url, "next", "start", "-p", "3917");
      const route = async (path: string) => (await fetch(`${url}/${path}`)).json();
      return [
        { where: inChromium, ...(await onPage(url)) },
        { where: "a route in Node", ...(await route("node")) },
        { where: "a route in its edge runtime", ...(await route("edge")) },
      ];
    },
  },
  {
    name: "Astro",
    packages: { astro: "7.3.5" },
    files: {
      "src/seen.js": SEEN,
      "src/pages/index.astro": `---
import { seen } from "../seen.js";
const built = JSON.stringify(seen());
---
<html><head><title>-</title></head><body><pre set:text={built} />
<script>import { seen } from "../seen.js"; ${TO_TITLE}</script></body></html>`,
    },
    async run(project) {
      project.withDigest("src");
      project.run("astro", "build");
      const dist = join(project.folder, "dist");
      const [, built] = /<pre>(.*?)<\/pre>/.exec(project.run("cat", "dist/index.html"))!;
      return [
        { where: inChromium, ...(await onServed(dist, "index.html")) },
        {
          where: "Node, as it builds",
          ...JSON.parse(built.replaceAll("&#34;", '"').replaceAll("&quot;", '"')),
        },
      ];
    },
  },
  {
    name: "SvelteKit",
    packages: {
      "@sveltejs/kit": "3.2.0",
      "@sveltejs/adapter-static": "4.0.1",
      "@sveltejs/vite-plugin-svelte": "7.3.1",
      svelte: "5.57.3",
      vite: "8.3.8",
    },
    files: {
      "vite.config.js": `import adapter from "@sveltejs/adapter-static";
import { sveltekit } from "@sveltejs/kit/vite";
export default { plugins: [sveltekit({ adapter: adapter() })] };`,
      "src/app.html": `<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>`,
      "src/routes/seen.js": SEEN,
      "src/routes/+layout.js": "export const prerender = true;",
      "src/routes/+page.svelte": `<script>
import { onMount } from "svelte";
import { seen } from "./seen.js";
const built = JSON.stringify(seen());
onMount(() => { ${TO_TITLE} });
</script><pre>{built}</pre>`,
    },
    async run(project) {
      project.withDigest("src/routes");
      project.run("vite", "build");
      const [, built] = /<pre>(.*?)<\/pre>/.exec(project.run("cat", "build/index.html"))!;
      return [
        { where: inChromium, ...(await onServed(join(project.folder, "build"), "index.html")) },
        { where: "Node, as it builds", ...JSON.parse(built.replaceAll("&quot;", '"')) },
      ];
    },
  },
  {
    name: "Angular",
    packages: {
      "@angular/build": "22.2.7",
      "@angular/cli": "22.2.7",
      "@angular/common": "22.2.6",
      "@angular/compiler": "22.2.6",
      "@angular/compiler-cli": "22.2.6",
      "@angular/core": "22.2.6",
      "@angular/platform-browser": "22.2.6",
      rxjs: "7.8.2",
      tslib: "2.9.1",
      typescript: "6.0.3",
    },
    files: {
      "angular.json": JSON.stringify({
        version: 1,
        projects: {
          more: {
            projectType: "application",
            root: "",
            sourceRoot: "src",
            architect: {
              build: {
                builder: "@angular/build:application",
                options: {
                  outputPath: "dist",
                  index: "src/index.html",
                  browser: "src/main.ts",
                  tsConfig: "tsconfig.json",
                },
              },
            },
          },
        },
      }),
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          ...{ strict: true, target: "ES2022", module: "preserve", allowJs: true, skipLibCheck: true },
          ...{ lib: ["ES2022", "dom"], moduleResolution: "bundler", experimentalDecorators: true, types: [] },
        },
        files: ["src/main.ts"],
      }),
      "src/index.html":
        "<!doctype html><html><head><title>-</title></head><body><app-root></app-root></body></html>",
      "src/seen.js": SEEN,
      "src/main.ts": `import { Component } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { seen } from "./seen.js";
@Component({ selector: "app-root", template: "random-ltd" })
class App {
  ngOnInit() { ${TO_TITLE} }
}
bootstrapApplication(App);`,
    },
    async run(project) {
      project.withDigest("src");
      project.run("ng", "build");
      return [{ where: inChromium, ...(await onServed(join(project.folder, "dist/browser"), "index.html")) }];
    },
  },
  {
    name: "Metro",
    packages: {
      metro: "0.87.1",
      "@react-native/babel-preset": "0.88.1",
      "@react-native/metro-babel-transformer": "0.88.1",
      "hermes-engine-cli": "0.12.0",
    },
    files: {
      ".babelrc": JSON.stringify({ presets: ["@react-native/babel-preset"] }),
      // With package exports, as React Native has it, and without, as before 0.79.
      ...Object.fromEntries(
        [true, false].map((on) => [
          `metro-${on}.config.cjs`,
          `module.exports = {
  resolver: { unstable_enablePackageExports: ${on}, sourceExts: ["js", "json"] },
  transformer: { babelTransformerPath: require.resolve("@react-native/metro-babel-transformer") },
};`,
        ]),
      ),
      "index.js": `import * as lib from "random-ltd";
import { gptSampleTokens } from "random-ltd/webgpu";
import { digest } from "./digest.js";
const few = { reservedLength: 4, seqLength: 16, batchSize: 1, seed: 7 };
if (gptSampleTokens(few).sampledIndices.data.join() !== "2,3,8,9") throw new Error("random-ltd/webgpu");
print(JSON.stringify({ backend: lib.cpuBackend(), digest: digest(lib, ${FEW_CALLS}) }));`,
    },
    async run(project) {
      project.withDigest(".");
      return [true, false].map((exports) => {
        const config = `metro-${exports}.config.cjs`;
        const out = `out-${exports}`;
        project.run("metro", "build", "index.js", "--config", config, "--out", out, "--platform", "android");
        const seen = project.run("node_modules/hermes-engine-cli/linux64-bin/hermes", `${out}.js`);
        return { where: `Hermes, package exports ${exports ? "on" : "off"}`, ...JSON.parse(seen) };
      });
    },
  },
];
