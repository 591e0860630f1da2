/** What does not type-check, so that the checks are seen to run. */
import { gptSampleTokens } from "random-ltd";

export const mask: number = gptSampleTokens({
  reservedLength: 4,
  seqLength: 16,
  batchSize: 1,
  seed: 7,
}).newMask;
