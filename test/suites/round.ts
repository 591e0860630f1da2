/** One round of mixed calls. */
import {
  bertSampleTokens,
  type CPUTensor,
  GatherTokens,
  gptSampleTokens,
  layerOf,
  maskGather,
  maskSlice,
  ScatterTokens,
  tensor,
  tokenSort,
} from "../../src/index.ts";

export const CALLS_A_ROUND = 10;

/** Calls of every kind, on tensors whose sizes and contents `random` gives, S at most `longest`; returns all results. */
export function round(random: () => number, longest: number): CPUTensor[] {
  const seqLength = 1 + (random() % longest);
  const kept = 1 + (random() % seqLength);
  const [batchSize, layers, channels] = [1 + (random() % 3), 1 + (random() % 2), 1 + (random() % 20)];
  const floats = (tokens: number) =>
    tensor(Float32Array.from({ length: batchSize * tokens * channels }, random), [
      batchSize,
      tokens,
      channels,
    ]);

  const call = { reservedLength: kept, seqLength, batchSize, layers, seed: random(), step: random() };
  const causal = Uint8Array.from({ length: seqLength ** 2 }, (_, n) =>
    n % seqLength > n / seqLength ? 1 : 0,
  );
  const attnMask = tensor(causal, [1, 1, seqLength, seqLength]);
  const paddingMask = tensor(
    Uint8Array.from({ length: batchSize * seqLength }, () => random() & 1),
    [batchSize, seqLength],
  );
  const gpt = gptSampleTokens({ ...call, attnMask });
  const keepPrefix = random() % (kept + 1);
  const bert = bertSampleTokens({ ...call, keepPrefix, paddingMask, attnMask });
  const indices = layerOf(bert.sampledIndices, layers - 1);

  const hidden = floats(seqLength);
  const part = GatherTokens.forward(hidden, indices);
  const grad = GatherTokens.backward(part, indices, { seqLength });
  GatherTokens.backward(part, indices, { seqLength, accumulateInto: grad });
  const other = floats(kept);
  const after = ScatterTokens.forward(hidden, other, indices, { inPlace: true });
  const { allActivationsGrad, layerActivationsGrad } = ScatterTokens.backward(after, indices);
  const masks = [gpt.newMask, bert.newMask, maskGather(attnMask, indices), maskSlice(attnMask, kept)];
  const drawn = tensor(indices.data.slice().reverse(), indices.shape);
  const sorted = tokenSort(drawn, seqLength);
  return [
    ...[gpt.sampledIndices, bert.sampledIndices, sorted, ...masks],
    ...[part, grad, after, allActivationsGrad, layerActivationsGrad],
  ];
}
