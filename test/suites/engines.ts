/** Browsers from Debian, which no npm package brings: opened at a page that posts its answer, and ended then. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

const onPath = (command: string) =>
  (process.env.PATH ?? "").split(":").some((path) => existsSync(join(path, command)));

/** Which of some commands and files are not installed, in words; "" where all are. */
export function missing(...commands: string[]): string {
  const absent = commands.filter(
    (command) => !(command.startsWith("/") ? existsSync(command) : onPath(command)),
  );
  return absent.length > 0 ? `(${absent.join(", ")} not installed)` : "";
}

/** Why each browser can't be opened; "" where it can. */
export const REASONS = {
  firefox: missing("firefox-esr", LAVAPIPE),
  webkit: missing(MINI_BROWSER, "Xvfb"),
};

/** What `answer` comes to, once a command has been started that leads to it; the command is ended with all it started. */
async function during(
  answer: Promise<string>,
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), "random-ltd-home-"));
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
    return await Promise.race([answer, ended]);
  } finally {
    ended.catch(() => {});
    if (child.pid !== undefined) process.kill(-child.pid);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Opens a page in a headless Firefox with WebGPU, until the page has answered. */
export async function inFirefox(page: string, answer: Promise<string>): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), "random-ltd-firefox-"));
  mkdirSync(profile, { recursive: true });
  const preferences = ["dom.webgpu.enabled", "gfx.webgpu.ignore-blocklist"];
  writeFileSync(
    join(profile, "user.js"),
    preferences.map((name) => `user_pref("${name}", true);\n`).join(""),
  );
  try {
    return await during(answer, "firefox-esr", ["--headless", "--profile", profile, page], {});
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Opens a page in WebKitGTK's own browser on a screen that nobody sees, until the page has answered. */
export async function inWebKit(page: string, answer: Promise<string>): Promise<string> {
  const screen = spawn("Xvfb", ["-displayfd", "1", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const display = await new Promise<string>((resolve, reject) => {
      screen.on("error", reject);
      screen.stdout.once("data", (number) => resolve(`:${String(number).trim()}`));
    });
    return await during(answer, MINI_BROWSER, [page], { DISPLAY: display });
  } finally {
    screen.kill();
  }
}
