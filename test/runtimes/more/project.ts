/** A folder of its own in which a tool is installed beside the packed tarball, and where what it built is run. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { installed } from "../../../scripts/runtimes.js";
import { chromiumLaunch } from "../../../scripts/swiftshader.js";
import { serve } from "../serve.ts";

/** One place where code of a tool's output ran. */
export interface Seen {
  readonly where: string;
  readonly backend: string;
  readonly digest: string;
}

export interface Tool {
  readonly name: string;
  /** Packages by name, with their exact versions. The first is the tool itself. */
  readonly packages: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** Builds, runs, and tells what was seen. */
  run(project: Project): Promise<Seen[]>;
}

export class Project {
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
    copyFileSync(resolve("test/runtimes/digest.js"), join(this.folder, folder, "digest.js"));
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
export async function onPage(url: string): Promise<Omit<Seen, "where">> {
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
export async function onServed(folder: string, path: string): Promise<Omit<Seen, "where">> {
  const served = await serve(folder);
  try {
    return await onPage(`${served.origin}/${path}`);
  } finally {
    served.close();
  }
}
