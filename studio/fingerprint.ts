/** A short word for the tokens that a race draws: equal wherever the same address is opened, in any browser and in Node. */
import { drawsOf } from "./plan.ts";
import { drawn } from "./retained.ts";
import type { Settings } from "./settings.ts";

/** Steps that the fingerprint goes over: the first ones, whose K no clock decides. */
const STEPS = 16;

/**
 * FNV-1a over the retained positions of the first 16 steps of each run that drops tokens, as 16 hexadecimal digits
 * (Fowler, Noll and Vo; 64 bits).
 */
export function fingerprintOf(settings: Settings): string {
  let hash = 0xcbf29ce484222325n;
  for (const lane of settings.lanes) {
    const draws = drawsOf(settings, lane);
    for (let step = 0; step < STEPS; step++) {
      for (const position of drawn(draws, step, settings.reserved, settings.batch) ?? []) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(position)) * 0x100000001b3n);
      }
    }
  }
  return hash.toString(16).padStart(16, "0");
}
