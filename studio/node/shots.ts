/**
 * Pictures of the page: npm run studio:shots. Chromium comes from npm, on Linux and x64.
 *
 * Without arguments, the README's two: a desktop in light colours and a phone in dark ones. With a folder, every state
 * at 360 and 1280 pixels, light and dark: npm run studio:shots -- build/shots [state ...]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import {
  KEEP_DEVICES,
  loseDevice,
  openSite,
  putBeforeWorker,
  race,
  type Site,
  startButton,
  visit,
} from "./site.ts";

/** Trained long enough for curves, short enough to wait for. */
const RACE = "?task=arrows&seconds=20&backend=wasm";

/** How each state is come by. */
const STATES: Readonly<Record<string, (site: Site) => Promise<Page>>> = {
  idle: async (site) => {
    const { page } = await visit(site);
    await page.getByText("Recorded").first().waitFor();
    return page;
  },
  empty: async (site) => (await visit(site, "?task=digits&seed=3&layers=99")).page,
  dialog: async (site) => {
    const { page } = await visit(site);
    await page.getByRole("button", { name: "Settings", exact: true }).first().click();
    await page.getByRole("dialog").waitFor();
    return page;
  },
  compiling: (site) => until(site, "?task=text&backend=webgpu", "compiling"),
  running: async (site) => {
    const page = await until(site, "?task=digits&seconds=20&backend=wasm", "running");
    await page.waitForTimeout(20_000);
    return page;
  },
  paused: async (site) => {
    const page = await until(site, `${RACE}&lanes=full.ltd.route.shallow`, "running");
    await page.waitForTimeout(15_000);
    await page.getByRole("button", { name: "Pause" }).first().click();
    await page.locator(".state.paused").waitFor();
    return page;
  },
  done: (site) => raced(site, RACE),
  text: (site) => raced(site, "?task=text&seconds=20&backend=wasm"),
  digits: (site) => raced(site, "?task=digits&seconds=20&backend=wasm"),
  lost: async (site) => {
    const address = "?task=arrows&steps=400&layers=3&channels=16&batch=4&lanes=full.ltd&backend=webgpu";
    const { page } = await visit(site, address, {}, putBeforeWorker(KEEP_DEVICES));
    await loseDevice(page);
    await page.waitForTimeout(8000);
    return page;
  },
  failed: async (site) => {
    const { page } = await visit(site, "?task=digits", {}, (page) =>
      page.route("**/digits.dat", (route) => route.fulfill({ status: 503 })),
    );
    await startButton(page).click();
    await page.locator(".state.failed").waitFor();
    return page;
  },
};

async function until(site: Site, address: string, state: string): Promise<Page> {
  const { page } = await visit(site, address);
  await startButton(page).click();
  await page.locator(`.state.${state}`).waitFor({ timeout: 300_000 });
  return page;
}

async function raced(site: Site, address: string): Promise<Page> {
  const { page } = await visit(site, address);
  await race(page);
  return page;
}

/** Every state asked for, each as it looks at both widths and in both colours. */
async function everyState(site: Site, folder: string, names: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const page = await STATES[name](site);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        await page.waitForTimeout(700);
        const path = join(folder, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: name !== "dialog" });
      }
    }
    await page.context().close();
    console.log(`${name} is in ${folder}`);
  }
}

/** The README's two, of the recorded race: the same picture at every taking, but for the fonts. */
async function forReadme(site: Site): Promise<void> {
  for (const [name, height] of [
    ["desktop", 920],
    ["phone", 844],
  ] as const) {
    const isPhone = name === "phone";
    const { page, close } = await visit(site, "", {
      viewport: { width: isPhone ? 390 : 1280, height },
      colorScheme: isPhone ? "dark" : "light",
      deviceScaleFactor: isPhone ? 1 : 0.66, // shown small, and small to load
    });
    await page.getByText("Recorded").first().waitFor();
    if (isPhone) {
      await page.locator("#see").scrollIntoViewIfNeeded();
      await page.locator("#see .codes").waitFor();
      await page.evaluate(() => document.querySelector("#see")!.scrollIntoView());
    }
    await page.waitForTimeout(700);
    await page.screenshot({ path: `docs/studio-${name}.png` });
    await close();
  }
}

const [folder, ...names] = process.argv.slice(2);
const site = await openSite();
try {
  if (folder) await everyState(site, folder, names.length > 0 ? names : Object.keys(STATES));
  else await forReadme(site);
} finally {
  await site.close();
}
