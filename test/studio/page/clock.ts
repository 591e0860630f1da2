/** The clock counts training alone, Pause answers at once, and a lost device is not the end. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import {
  KEEP_DEVICES,
  keptRaces,
  loseDevice,
  putBeforeWorker,
  type Site,
} from "../../../studio/node/site.ts";
import { button, eventually, expectAccessible, opener, SMALL } from "./visits.ts";

/** A race that goes on until it is stopped. */
const LONG = `?task=arrows&${SMALL.replace("steps=10", "steps=4000")}`;

/** Counts the breaks that the race takes after each step, and how many there were from an order to pause to the pause. */
const COUNT_STEPS = `{
  let breaks = 0;
  let asked;
  globalThis.MessageChannel = class extends MessageChannel {
    constructor() { super(); breaks++; }
  };
  addEventListener("message", ({ data }) => { if (data.kind === "pause") asked = breaks; });
  const post = globalThis.postMessage;
  globalThis.postMessage = (news, ...rest) => {
    if (news.kind === "paused") globalThis.stepsToPause = breaks - asked;
    post(news, ...rest);
  };
}`;

/** A machine that sleeps for a minute in the middle of the step after `sleep()`. */
const SLEEPER = `{
  const now = performance.now.bind(performance);
  let [slept, calls] = [0, Infinity];
  performance.now = () => now() + (++calls === 2 ? (slept += 60000) : slept);
  globalThis.sleep = () => { calls = 0; };
  globalThis.sleptFor = () => slept;
}`;

const inWorker = <T>(page: Page, run: () => T) => page.workers()[0].evaluate(run);

export function clock(site: () => Site): void {
  const at = opener(site);

  test("pause answers within two steps, and the clock stands meanwhile; runs have had equal time", async () => {
    const { page } = await at(LONG, {}, putBeforeWorker(COUNT_STEPS));
    await button(page, "Start").click();
    await page.locator(".state.running").waitFor();
    await expectAccessible(page);
    await button(page, "Pause").click();
    await page.locator(".state.paused").waitFor();
    expect(await inWorker(page, () => (globalThis as any).stepsToPause)).toBeLessThanOrEqual(2);
    const before = await page.locator("#race .state").innerText();
    await page.waitForTimeout(1000);
    expect(await page.locator("#race .state").innerText()).toBe(before);
    await button(page, "Go on").click();
    await page.locator(".state.running").waitFor();
    await button(page, "Stop").click();
    await page.locator(".state.done").waitFor();
    const [kept] = await keptRaces(page);
    expect(kept.done).toBe(false);
    const used = kept.series.map((one: any) => one.steps.seconds.at(-1));
    const longest = Math.max(...kept.series.flatMap((one: any) => one.steps.ms)) / 1000;
    expect(Math.abs(used[0] - used[1])).toBeLessThanOrEqual(longest + 1e-9);
  });

  test("a minute of sleep in the middle of a step and a hidden tab leave the clock alone", async () => {
    const { page } = await at(LONG, {}, putBeforeWorker(SLEEPER));
    await button(page, "Start").click();
    await page.locator(".state.running").waitFor();
    const steps = () => page.locator(".score td:nth-of-type(3)").first().innerText();
    await eventually(async () => Number(await steps())).toBeGreaterThan(3);
    await inWorker(page, () => (globalThis as any).sleep());
    await eventually(() => inWorker(page, () => (globalThis as any).sleptFor())).toBe(60_000);
    await showTab(page, "hidden");
    const before = Number(await steps());
    await eventually(async () => Number(await steps())).toBeGreaterThan(before + 3);
    await page.waitForTimeout(1000);
    await showTab(page, "visible");
    await page.locator(".state", { hasText: "The tab was hidden" }).waitFor();
    expect(await page.title()).toMatch(/^\d+% · /);
    await button(page, "Stop").click();
    await page.locator(".state.done").waitFor();
    const [kept] = await keptRaces(page);
    for (const { steps } of kept.series) {
      expect(Math.max(...steps.ms)).toBeLessThan(60_000);
      expect(steps.seconds.at(-1)).toBeLessThan(60);
    }
  });

  test("a lost device: WebAssembly goes on from the last save", async () => {
    const address = `?task=arrows&${SMALL.replace("wasm", "webgpu").replace("steps=10", "steps=40")}&until=100`;
    const { page } = await at(address, {}, putBeforeWorker(KEEP_DEVICES));
    await loseDevice(page);
    await page.getByText("The graphics device went away.").waitFor();
    await page.getByText("went away, so the CPU trains").waitFor();
    await page.locator(".state.running").waitFor();
    await expectAccessible(page);
    await page.locator(".state.done").waitFor();
    const [kept] = await keptRaces(page);
    for (const { steps } of kept.series) {
      expect(steps.loss).toHaveLength(40);
      expect(steps.loss.every(Number.isFinite)).toBe(true);
      expect(steps.seconds).toEqual([...steps.seconds].sort((a: number, b: number) => a - b));
    }
  });
}

/** Headless Chromium hides no tab: the page is told so. */
async function showTab(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}
