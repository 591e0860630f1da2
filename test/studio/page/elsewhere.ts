/** The page in Firefox and WebKitGTK, where they are installed: it trains ten steps on WASM. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folder, type Site } from "../../../studio/node/site.ts";
import { type Served, serve } from "../../runtimes/serve.ts";
import { inFirefox, inWebKit, REASONS } from "../../suites/engines.ts";
import { SMALL } from "./visits.ts";

/** Starts a race in a frame and posts what the page has kept of it, or what it says instead. */
const DRIVER = `const post = (seen) => fetch("/answer", { method: "POST", body: JSON.stringify(seen) });
const kept = () => new Promise((resolve, reject) => {
  const opening = indexedDB.open("random-ltd-studio");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const all = opening.result.transaction("races").objectStore("races").getAll();
    all.onsuccess = () => resolve(all.result);
  };
});
const frame = document.querySelector("iframe");
const find = (selector) => frame.contentDocument?.querySelector(selector);
const told = [];
let watched;
const watch = () => {
  const inside = frame.contentWindow;
  if (inside === watched) return;
  watched = inside;
  inside.addEventListener("error", ({ message, target }) => told.push(message ?? target.src ?? target.href), true);
  inside.addEventListener("unhandledrejection", ({ reason }) => told.push(String(reason)));
  inside.document.addEventListener("securitypolicyviolation", (v) => told.push(v.violatedDirective + " " + v.blockedURI));
};
const late = performance.now() + 200_000;
const until = async (selector) => {
  while (!find(selector)) {
    watch();
    const notice = find(".state.failed") && find(".notice").textContent;
    if (notice || performance.now() > late) {
      throw new Error([selector, notice, ...told, frame.contentDocument?.body?.innerText].join("; ").slice(0, 2000));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
try {
  await until(".go .primary");
  find(".go .primary").click();
  await until(".state.done");
  await post({ races: await kept() });
} catch (error) {
  await post({ error: String(error) });
}
`;

export function elsewhere(_site: () => Site): void {
  let root: string;
  let served: Served;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "random-ltd-studio-"));
    cpSync(folder, root, { recursive: true });
    writeFileSync(join(root, "driver.js"), DRIVER);
    const frame = `<iframe src="/index.html?task=arrows&amp;${SMALL.replaceAll("&", "&amp;")}" width="1200" height="800">`;
    const script = '<script type="module" src="/driver.js"></script>';
    writeFileSync(join(root, "driver.html"), `<!doctype html><body>${frame}</iframe>${script}`);
    served = await serve(root);
  });
  afterAll(() => {
    served?.close();
    if (root) rmSync(root, { recursive: true, force: true });
  });

  const trained = (answer: string) => {
    const seen = JSON.parse(answer);
    expect(seen).not.toHaveProperty("error");
    const [{ backend, series }] = seen.races;
    expect(backend).toBe("wasm");
    for (const { steps } of series) {
      expect(steps.loss).toHaveLength(10);
      expect(steps.loss.at(-1)).toBeLessThan(steps.loss[0]);
    }
  };

  test.skipIf(REASONS.firefox)(`Firefox trains ten steps on WASM ${REASONS.firefox}`, async () => {
    trained(await inFirefox(`${served.origin}/driver.html`, served.answer()));
  });

  test.skipIf(REASONS.webkit)(`WebKitGTK trains ten steps on WASM ${REASONS.webkit}`, async () => {
    trained(await inWebKit(`${served.origin}/driver.html`, served.answer()));
  });
}
