/**
 * The binary interface of the core; src/core/core.ts types it. Addresses are bytes in the exported memory, whose regions
 * the host asks for. No function keeps anything from one operation to the next.
 */
import { BITMAPS, PLANS } from "./memory";

export * from "./sampling";
export { ensure } from "./memory";
export { clear, mark } from "./sort";
export { moveRows } from "./rows";
export { firstOffPattern, packRows, planColumns } from "./mask";

/** Scratch that masks use for their plan, and beyond it for positions. */
export function planAddress(): usize {
  return PLANS;
}
export function listAddress(): usize {
  return BITMAPS;
}
