/** Engines that come from Debian: .ci/run installs them, elsewhere their tests are skipped and their rows stay. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "../../scripts/runtimes.js";
import { type Project, packedProject } from "../suites/packed.ts";
import { openRecord } from "./record.ts";
import { PAGE_SCRIPT, type Served, serve } from "./serve.ts";

const NAMES = {
  firefox: "Firefox, a page",
  webkit: "WebKitGTK, a page",
  jsc: "JavaScriptCore's shell",
  gjs: "gjs",
};
const record = openRecord("debian", Object.values(NAMES));

const LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

const onPath = (command: string) =>
  (process.env.PATH ?? "").split(":").some((path) => existsSync(join(path, command)));
const missing = (...commands: string[]) => {
  const absent = commands.filter(
    (command) => !(command.startsWith("/") ? existsSync(command) : onPath(command)),
  );
  return absent.length > 0 ? `(${absent.join(", ")} not installed)` : "";
};

/** The first number with a point in what a command prints, after the name where one stands before. */
const versionOf = (command: string, ...args: string[]) =>
  /\d+\.[\d.]+/.exec(execFileSync(command, args, { encoding: "utf8" }).split("\t").at(-1)!)![0];

/** A shell's script, all in one: its `print` is what it has. */
const SHELL = `import * as lib from "random-ltd";
import { onCPU, onWebGPU } from "./answer.js";
const { cpu } = onCPU(lib);
onWebGPU(lib).then(({ webgpu }) => print(JSON.stringify({ cpu, webgpu })));
`;

describe("the same bits in Debian's engines", () => {
  let project: Project;
  let served: Served;
  beforeAll(async () => {
    if (Object.keys(NAMES).every((name) => reasons[name as keyof typeof NAMES])) return;
    project = packedProject();
    const write = (name: string, contents: string) => writeFileSync(join(project.folder, name), contents);
    for (const file of ["digest.js", "answer.js"]) {
      copyFileSync(join(folder, file), join(project.folder, file));
    }
    write(
      "page.js",
      `${PAGE_SCRIPT}
let seen;
try {
  seen = { ...onCPU(lib), ...(await onWebGPU(lib)) };
} catch (error) {
  seen = { error: String(error) };
}
fetch("/answer", { method: "POST", body: JSON.stringify(seen) });
`,
    );
    write("page.html", '<!doctype html><script type="module" src="/page.js"></script>');
    write("shell.js", SHELL);
    await build({
      entryPoints: [join(project.folder, "shell.js")],
      bundle: true,
      format: "iife",
      target: "es2022",
      outfile: join(project.folder, "shell.bundle.js"),
    });
    served = await serve(project.folder);
  });
  afterAll(() => {
    served?.close();
    project?.remove();
  });

  const reasons = {
    firefox: missing("firefox-esr", LAVAPIPE),
    webkit: missing(MINI_BROWSER, "Xvfb"),
    jsc: missing("jsc"),
    gjs: missing("gjs"),
  };

  /** What the page posts, opened by a browser that is ended then, with all that it started. */
  async function posted(command: string, args: string[], env: Record<string, string>): Promise<any> {
    const answer = served.answer();
    const home = join(project.folder, `home-${args.length}`);
    mkdirSync(home, { recursive: true });
    const child = spawn(command, args, {
      detached: true,
      stdio: "ignore",
      env: { ...process.env, HOME: home, VK_ICD_FILENAMES: LAVAPIPE, ...env },
    });
    const ended = new Promise<never>((_, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`${command} ended with ${code} before the page answered`)));
    });
    try {
      const seen = JSON.parse(await Promise.race([answer, ended]));
      expect(seen.error).toBeUndefined();
      return seen;
    } finally {
      ended.catch(() => {});
      if (child.pid !== undefined) process.kill(-child.pid);
    }
  }

  it.skipIf(reasons.firefox)(`Firefox ${reasons.firefox}`, async () => {
    const profile = join(project.folder, "profile");
    mkdirSync(profile);
    const preferences = ["dom.webgpu.enabled", "gfx.webgpu.ignore-blocklist"];
    writeFileSync(
      join(profile, "user.js"),
      preferences.map((name) => `user_pref("${name}", true);\n`).join(""),
    );
    const page = `${served.origin}/page.html`;
    const seen = await posted("firefox-esr", ["--headless", "--profile", profile, page], {});
    // Its adapter tells nothing of itself; Vulkan was given one.
    record.hold(NAMES.firefox, { ...seen, webgpu: { from: "its own", ...seen.webgpu, adapter: "lavapipe" } });
  });

  it.skipIf(reasons.webkit)(`WebKitGTK ${reasons.webkit}`, async () => {
    const screen = spawn("Xvfb", ["-displayfd", "1", "-nolisten", "tcp"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const display = await new Promise<string>((resolve, reject) => {
        screen.on("error", reject);
        screen.stdout.once("data", (number) => resolve(`:${String(number).trim()}`));
      });
      const seen = await posted(MINI_BROWSER, [`${served.origin}/page.html`], { DISPLAY: display });
      record.hold(NAMES.webkit, { ...seen, version: versionOf("dpkg-query", "-W", "libwebkit2gtk-4.1-0") });
    } finally {
      screen.kill();
    }
  });

  const shell = (command: string) => {
    const { stdout, stderr } = spawnSync(command, ["shell.bundle.js"], {
      cwd: project.folder,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  };

  it.skipIf(reasons.jsc)(`JavaScriptCore's shell, which has no console ${reasons.jsc}`, () => {
    // The shell doesn't tell its version; its package does.
    const version = versionOf("dpkg-query", "-W", "libjavascriptcoregtk-4.0-bin");
    record.hold(NAMES.jsc, { ...shell("jsc"), version });
  });

  it.skipIf(reasons.gjs)(`gjs ${reasons.gjs}`, () => {
    record.hold(NAMES.gjs, { ...shell("gjs"), version: versionOf("gjs", "--version") });
  });

  it("each of them with its row in the record", () => record.holdNames());
});
