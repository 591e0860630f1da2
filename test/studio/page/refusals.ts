/** What the browser refuses: storage, data, WebGPU, WebAssembly. Each with a sentence and a way on. */
import { test } from "vitest";
import { putBeforeWorker, race, type Site } from "../../../studio/node/site.ts";
import { button, expectAccessible, opener, SMALL } from "./visits.ts";

export function refusals(site: () => Site): void {
  const at = opener(site);

  test("no storage: the race runs, and a sentence says that nothing is kept", async () => {
    const { page } = await at(`?task=arrows&${SMALL}`, {}, (page) =>
      page.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { get: () => undefined })),
    );
    await race(page);
    await page.getByText("This browser keeps nothing for this page").waitFor();
  });

  test("no data: a sentence, and Start again", async () => {
    const { page } = await at(`?task=digits&${SMALL}`, {}, (page) =>
      page.route("**/digits.dat", (route) => route.fulfill({ status: 503 })),
    );
    await button(page, "Start").click();
    await page.getByText("could not be loaded").waitFor();
    await expectAccessible(page);
    await button(page, "Start").waitFor();
  });

  test("no WebGPU: WebAssembly, and why", async () => {
    const { page } = await at(
      `?task=arrows&${SMALL.replace("wasm", "auto")}`,
      {},
      putBeforeWorker("Object.defineProperty(navigator, 'gpu', { get: () => undefined })"),
    );
    await race(page);
    await page.getByText("offers no WebGPU adapter").waitFor();
  });

  test("no WebAssembly: a sentence", async () => {
    const { page } = await at(`?task=arrows&${SMALL}`, {}, putBeforeWorker("delete globalThis.WebAssembly"));
    await button(page, "Start").click();
    await page.locator(".state.failed").waitFor();
    await page.getByText("has no WebAssembly").waitFor();
  });
}
