import type { CPUMaskOperations } from "../backend.ts";
import { referenceMasks } from "../reference/masks.ts";
export const wasmMasks: CPUMaskOperations = referenceMasks;
