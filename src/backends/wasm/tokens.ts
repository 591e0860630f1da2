import type { CPUTensor } from "../../tensor.ts";
import type { TokenOperations } from "../backend.ts";
import { referenceTokens } from "../reference/tokens.ts";
export const wasmTokens: TokenOperations<CPUTensor> = referenceTokens;
