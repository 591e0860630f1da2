/** The page trains: each task on each backend, and in other browsers on WASM. */
import { expect, test } from "vitest";
import { keptRaces, race, type Site } from "../../../studio/node/site.ts";
import { opener, SMALL } from "./visits.ts";

export function training(site: () => Site): void {
  const at = opener(site);

  test.each([
    "arrows",
    "digits",
    "text",
  ])("%s trains ten steps on WASM and WebGPU: losses fall and agree", async (task) => {
    const lossesOn = async (backend: string) => {
      const address = `?task=${task}&${SMALL.replace("wasm", backend)}&rate=8000&growth=constant&until=100`;
      const { page, faults, close } = await at(address);
      await race(page);
      expect(await page.locator(".machine b").innerText()).toContain(
        backend === "wasm" ? "WebAssembly" : "WebGPU",
      );
      expect(faults.filter((fault) => !fault.startsWith("warning"))).toEqual([]);
      const [kept] = await keptRaces(page);
      await close();
      return kept.series.map((one: any) => one.steps.loss) as number[][];
    };
    const [onCPU, onGPU] = await Promise.all([lossesOn("wasm"), lossesOn("webgpu")]);
    for (const [lane, losses] of onCPU.entries()) {
      expect(losses).toHaveLength(10);
      expect(losses.at(-1)!).toBeLessThan(losses[0]);
      losses.forEach((loss, i) => {
        expect(Math.abs(loss - onGPU[lane][i])).toBeLessThan(1e-3);
      });
    }
  });
}
