/** Engines that come from Debian: .ci/run installs them, elsewhere their tests are skipped and their rows stay. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "../../scripts/runtimes.js";
import { inFirefox, inWebKit, missing, REASONS } from "../suites/engines.ts";
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
    if (Object.values(reasons).every((reason) => reason)) return;
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

  const reasons = { ...REASONS, jsc: missing("jsc"), gjs: missing("gjs") };

  /** What the page posts. */
  async function posted(open: typeof inFirefox): Promise<any> {
    const seen = JSON.parse(await open(`${served.origin}/page.html`, served.answer()));
    expect(seen.error).toBeUndefined();
    return seen;
  }

  it.skipIf(reasons.firefox)(`Firefox ${reasons.firefox}`, async () => {
    const seen = await posted(inFirefox);
    // Its adapter tells nothing of itself; Vulkan was given one.
    record.hold(NAMES.firefox, { ...seen, webgpu: { from: "its own", ...seen.webgpu, adapter: "lavapipe" } });
  });

  it.skipIf(reasons.webkit)(`WebKitGTK ${reasons.webkit}`, async () => {
    const seen = await posted(inWebKit);
    record.hold(NAMES.webkit, { ...seen, version: versionOf("dpkg-query", "-W", "libwebkit2gtk-4.1-0") });
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
