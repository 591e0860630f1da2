/**
 * `npm run matrix:more`: the packed tarball in tools that are too heavy for every run of the tests. Installs each into a
 * folder of its own, builds a small page with it, and holds the digests of what runs there to the expected one. What it
 * saw goes into test/runtimes/MORE.md. Names after `--` run these alone and write nothing.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { installed, installRuntimes } from "../../scripts/runtimes.js";
import { chromiumLaunch, whyNot } from "../../scripts/swiftshader.js";
import { serve } from "./serve.ts";

const here = resolve("test/runtimes");

/** What digest.js gives in all its calls, and in 60, for interpreters. Held by the tests of the matrix. */
const [WHOLE, FEW, FEW_CALLS] = ["586595a4a082e268", "eddb36abeece64b2", 60];

/** One place where code of a tool's output ran. */
interface Seen {
  readonly where: string;
  readonly backend: string;
  readonly digest: string;
}

interface Tool {
  readonly name: string;
  /** Packages by name, with their exact versions. The first is the tool itself. */
  readonly packages: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** Builds, runs, and tells what was seen. */
  run(project: Project): Promise<Seen[]>;
}

/** The code that every tool gets, `seen` being what it tells. */
const SEEN = `import * as lib from "random-ltd";
import { digest } from "./digest.js";
export const seen = () => ({ backend: lib.cpuBackend(), digest: digest(lib) });
`;
const TO_TITLE = "document.title = JSON.stringify(seen());";

class Project {
  readonly folder: string;
  readonly #children: ChildProcess[] = [];

  constructor(tarball: string, { packages, files }: Tool) {
    this.folder = mkdtempSync(join(tmpdir(), "random-ltd-more-"));
    const dependencies = { ...packages, "random-ltd": `file:${tarball}` };
    const manifest = { name: "more", private: true, type: "module", dependencies };
    this.write({ "package.json": JSON.stringify(manifest), ...files });
    this.run("npm", "install", "--no-audit", "--no-fund", "--legacy-peer-deps");
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
  }

  /** digest.js beside the files of a folder. */
  withDigest(folder: string): void {
    mkdirSync(join(this.folder, folder), { recursive: true });
    copyFileSync(join(here, "digest.js"), join(this.folder, folder, "digest.js"));
  }

  /** These tools want a newer Node than the tests do. */
  get #env() {
    const quiet = { NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1", NG_CLI_ANALYTICS: "false" };
    const bin = [dirname(installed("node24/bin/node")), join(this.folder, "node_modules/.bin")];
    return { ...process.env, ...quiet, PATH: [...bin, process.env.PATH].join(delimiter) };
  }

  run(command: string, ...args: string[]): string {
    const options = { cwd: this.folder, encoding: "utf8", env: this.#env, maxBuffer: 2 ** 28 } as const;
    try {
      return execFileSync(command, args, { ...options, stdio: "pipe" });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
    }
  }

  /** Starts a server, and waits until it answers. */
  async start(url: string, command: string, ...args: string[]): Promise<void> {
    this.#children.push(spawn(command, args, { cwd: this.folder, env: this.#env, stdio: "ignore" }));
    for (let tries = 0; tries < 240; tries++) {
      if (
        await fetch(url).then(
          () => true,
          () => false,
        )
      )
        return;
      await new Promise((done) => setTimeout(done, 500));
    }
    throw new Error(`${url} doesn't answer`);
  }

  remove(): void {
    for (const child of this.#children) child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a page writes into its title, in Chromium. */
async function onPage(url: string): Promise<Omit<Seen, "where">> {
  const browser = await chromium.launch(chromiumLaunch());
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url);
    await page
      .waitForFunction('document.title.startsWith("{")', undefined, { timeout: 120_000 })
      .catch((error) => {
        throw new Error(`${error}\n${errors.join("\n")}`);
      });
    return JSON.parse(await page.title());
  } finally {
    await browser.close();
  }
}

/** The same of a folder of files. */
async function onServed(folder: string, path: string): Promise<Omit<Seen, "where">> {
  const served = await serve(folder);
  try {
    return await onPage(`${served.origin}/${path}`);
  } finally {
    served.close();
  }
}

const inChromium = "its page in Chromium";

const TOOLS: readonly Tool[] = [
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

/** Packs the package as it is built. */
function pack(): { tarball: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "random-ltd-pack-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { stdio: "pipe" });
  return { folder, tarball: join(folder, readdirSync(folder)[0]) };
}

const reason = whyNot();
if (reason) throw new Error(`Chromium is wanted: ${reason}`);
installRuntimes();
const only = process.argv.slice(2);
const { folder, tarball } = pack();
const rows: string[] = [];
try {
  for (const tool of TOOLS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const [version] = Object.values(tool.packages);
    const row = (where: string, what: string) => {
      rows.push(`| ${tool.name} ${version} | ${where} | ${what} |`);
      console.log(`${tool.name} ${version}, ${where}: ${what}`);
    };
    let project: Project | undefined;
    try {
      project = new Project(tarball, tool);
      for (const { where, backend, digest } of await tool.run(project)) {
        const expected = where.startsWith("Hermes") ? FEW : WHOLE;
        const right = digest === expected ? "" : `, but ${expected} is right`;
        row(where, `${backend}: \`${digest}\`${right}`);
        if (right) process.exitCode = 1;
      }
    } catch (error) {
      console.error(String(error));
      row("-", "failed");
      process.exitCode = 1;
    } finally {
      project?.remove();
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

if (only.length === 0) {
  writeFileSync(
    join(here, "MORE.md"),
    `# More tools

What \`npm run matrix:more\` saw: the packed tarball, installed and built by tools that are too heavy for every run of the
tests, and run. \`${WHOLE}\` is the digest of all calls, \`${FEW}\` of the first ${FEW_CALLS}, for interpreters.

| tool | where its output ran | what was seen |
| --- | --- | --- |
${rows.join("\n")}
`,
  );
}
