/** What a long race weighs: the page's main thread with 40,000 points drawn, and memory over 200 steps. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { race, type Site } from "../../../studio/node/site.ts";
import { button, eventually, opener, SMALL } from "./visits.ts";

/** A worker that only tells of steps: 20,000 of each run at once, then as many at a time as a fast machine trains. */
const TELLER = `addEventListener("message", ({ data }) => {
  if (data.kind !== "start") return;
  const ms = 2;
  const made = { full: 0, ltd: 0 };
  const steps = (lane, count) => {
    const list = (value) => Array.from({ length: count }, (_, i) => value(made[lane] + i + 1));
    const news = {
      seconds: list((n) => n * ms / 1000), layerTokens: list((n) => n * 1000), flops: list(() => 1e6),
      loss: list((n) => 1 + Math.exp(-n / 5000) + 0.2 * Math.sin(n)), reserved: list(() => 64), ms: list(() => ms),
    };
    made[lane] += count;
    postMessage({ kind: "steps", lane, steps: news });
  };
  const check = (lane) => {
    const n = made[lane];
    const loss = 1 + Math.exp(-n / 5000);
    const held = { step: n, seconds: n * ms / 1000, layerTokens: n * 1000, flops: n * 1e6, loss, lossError: 0.01,
      accuracy: 0.5, accuracyError: 0.01 };
    postMessage({ kind: "held", lane, held, rowLosses: Array.from({ length: 128 }, (_, i) => loss + i / 1000) });
  };
  postMessage({ kind: "machine", machine: { backend: "wasm", why: "" } });
  postMessage({ kind: "running" });
  for (const lane of ["full", "ltd"]) {
    for (let i = 0; i < 10; i++) { steps(lane, 2000); check(lane); }
  }
  let rounds = 0;
  const timer = setInterval(() => {
    for (const lane of ["full", "ltd"]) steps(lane, 100);
    if (++rounds % 5 === 0) {
      for (const lane of ["full", "ltd"]) check(lane);
      postMessage({ kind: "saved", state: new Uint8Array(2e6), last: false });
    }
    if (rounds === 20) { clearInterval(timer); postMessage({ kind: "done" }); }
  }, 200);
});`;

/** Milliseconds of processor time of the longest tasks of a page's main thread, out of a trace. */
function longestTasks(trace: Buffer): number[] {
  const events: any[] = JSON.parse(trace.toString()).traceEvents;
  const main = new Set(
    events
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events
    .filter(({ name, pid, tid, tdur }) => /RunTask$/.test(name) && main.has(`${pid} ${tid}`) && tdur > 0)
    .map(({ tdur }) => tdur / 1000)
    .sort((a, b) => b - a);
}

/** Bytes that the pages' processes hold, workers among them, once what this page no longer uses has been collected. */
async function residentBytes(site: Site, page: Page): Promise<number> {
  const collect = () => (globalThis as any).gc();
  await page.evaluate(collect);
  for (const worker of page.workers()) await worker.evaluate(collect);
  const cdp = await site.browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  await cdp.detach();
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))![1]) * 1024);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Steps that the first run has done, as the page shows them. */
const stepsOf = async (page: Page) =>
  Number(await page.locator(".score td:nth-of-type(3)").first().innerText());

export function weight(site: () => Site): void {
  const at = opener(site);

  test("no task of the main thread takes above 50 ms of processor time with 40,000 points drawn", async () => {
    const { page } = await at("?task=arrows&steps=30000&lanes=full.ltd", {}, (page) =>
      page.route("**/worker-*.js", (route) =>
        route.fulfill({ contentType: "text/javascript", body: TELLER }),
      ),
    );
    await button(page, "Start").click();
    await eventually(() => stepsOf(page)).toBeGreaterThan(20_000);
    await site().browser.startTracing(page, { categories: ["toplevel", "devtools.timeline"] });
    await page.locator(".state.done").waitFor();
    const tasks = longestTasks(await site().browser.stopTracing());
    expect(await stepsOf(page)).toBe(22_000);
    expect(tasks.length).toBeGreaterThan(100);
    expect(tasks[0]).toBeLessThan(50);
  });

  test("memory grows under 10% in 200 steps at one K", async () => {
    const address = `?task=arrows&${SMALL.replace("steps=10", "steps=260").replace("batch=4", "batch=1")}&until=100&k=32`;
    const { page } = await at(address);
    const racing = race(page);
    racing.catch(() => {}); // a failed expectation closes the page under it
    await eventually(() => stepsOf(page)).toBeGreaterThan(40);
    const before = await residentBytes(site(), page);
    const from = await stepsOf(page);
    await eventually(() => stepsOf(page)).toBeGreaterThan(from + 200);
    expect((await residentBytes(site(), page)) / before).toBeLessThan(1.1);
    await racing;
  });
}
