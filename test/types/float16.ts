/** Where TypeScript's library has Float16Array. Never executed. */
import { type CPUTensor, GatherTokens, gptSampleTokens, layerOf, tensor } from "random-ltd";

const half: CPUTensor<Float16Array> = tensor(new Float16Array(8), [1, 4, 2]);
const { sampledIndices } = gptSampleTokens({ reservedLength: 2, seqLength: 4, batchSize: 1, seed: 7 });
export const retained: CPUTensor<Float16Array> = GatherTokens.forward(half, layerOf(sampledIndices, 0));
