/** Right calls of what lies around the operations: schedules, wrapped layers, configurations, checkpoints. */
import {
  addRandomLTDStateDict,
  type CPUTensor,
  convertToRandomLTD,
  LayerTokenLRSchedule,
  parseDataEfficiencyConfig,
  RandomLayerTokenDrop,
  RandomLTDScheduler,
  removeRandomLTDStateDict,
  setCoreModule,
  tensor,
} from "../../src/index.ts";
import type { Made } from "./calls.ts";
import { pick, type Random } from "./values.ts";

const schedule = () => ({
  min_value: 2,
  max_value: 8,
  schedule_type: "fixed_linear",
  schedule_config: { require_steps: 10, seq_per_step: 2 },
});
const ltd = () => ({
  enabled: true,
  total_layer_num: 3,
  random_ltd_layer_num: 1,
  random_ltd_layer_id: [1],
  model_mask_name: "attention_mask",
  model_type: "decoder",
  hidden_state_order: "batch_seq_dim",
  global_batch_size: 2,
  micro_batch_size: 2,
  random_ltd_schedule: schedule(),
  layer_token_lr_schedule: { enabled: false },
});
const scheduler = () => new RandomLTDScheduler(ltd() as never, { seed: 7 });
const state = () => ({ ...scheduler().stateDict() });
const hidden = (): CPUTensor => tensor(new Float32Array(2 * 8 * 3), [2, 8, 3]);
const kwargs = () => ({
  attention_mask: tensor(new Float32Array(64), [1, 1, 8, 8]),
  position_ids: tensor(
    Int32Array.from({ length: 16 }, (_, i) => i % 8),
    [2, 8],
  ),
  scale: 2,
});
const block = () => ({ forward: (h: CPUTensor) => h, backward: (g: CPUTensor) => g });
const wrap = (options: object = { alongSequence: ["position_ids"] }) =>
  new RandomLayerTokenDrop<CPUTensor>(block(), scheduler(), 0, options);
const mask = () => tensor(new Uint8Array(16).fill(0), [2, 8]);

const around = (name: string, args: Made["args"], call: Made["call"]): Made => ({
  name,
  args,
  written: [],
  call,
});

const MAKERS: readonly ((random: Random) => Made)[] = [
  () =>
    around(
      "RandomLTDScheduler",
      { ...ltd(), seed: 7 },
      ({ seed, ...config }) => new RandomLTDScheduler(config as never, { seed }),
    ),
  () =>
    around(
      "RandomLTDScheduler, schedule",
      schedule(),
      (random_ltd_schedule) => new RandomLTDScheduler({ ...ltd(), random_ltd_schedule } as never),
    ),
  () => around("updateSeq", { globalStep: 3 }, ({ globalStep }) => scheduler().updateSeq(globalStep)),
  () => around("getTotalLayerTokens", { steps: 300 }, ({ steps }) => scheduler().getTotalLayerTokens(steps)),
  () => around("loadStateDict", state(), (s) => scheduler().loadStateDict(s as never)),
  () => around("loadStateDict, whole", { state: state() }, ({ state }) => scheduler().loadStateDict(state)),
  () =>
    around(
      "parseDataEfficiencyConfig",
      { enabled: true, seed: 1, data_routing: { enabled: true, random_ltd: ltd() } },
      (data_efficiency) => parseDataEfficiencyConfig({ train_batch_size: 2, data_efficiency }),
    ),
  () =>
    around(
      "parseDataEfficiencyConfig, whole",
      {
        train_batch_size: 2,
        train_micro_batch_size_per_gpu: 1,
        gradient_accumulation_steps: 1,
        data_efficiency: {},
      },
      (config) => parseDataEfficiencyConfig(config),
    ),
  () =>
    around(
      "LayerTokenLRSchedule",
      {
        total_layer_tokens: 100,
        warmup_layer_tokens: 5,
        warmup_type: "log",
        lr: 0.1,
        floor: 0.01,
        decay: "cosine",
        at: 7,
      },
      ({ lr, floor, decay, at, ...config }) =>
        new LayerTokenLRSchedule(config as never, { lr, floor, decay }).getLR(at),
    ),
  () =>
    around("removeRandomLTDStateDict", { dict: { "h.1.random_ltd_layer.w": 1, w: 2 } }, ({ dict }) =>
      removeRandomLTDStateDict(dict),
    ),
  () =>
    around(
      "addRandomLTDStateDict",
      {
        dict: new Map([
          ["h.1.w", 1],
          ["w", 2],
        ]),
        layers: ["h.1"],
      },
      ({ dict, layers }) => addRandomLTDStateDict(dict, layers),
    ),
  () =>
    around(
      "RandomLayerTokenDrop",
      {
        layer: block(),
        scheduler: scheduler(),
        layerOrdinal: 0,
        maskMode: "gather",
        alongSequence: ["position_ids"],
        keepPrefix: 1,
        raiseToKept: false,
        dropRatio: undefined,
        ops: undefined,
      },
      ({ layer, scheduler, layerOrdinal, ...options }) =>
        new RandomLayerTokenDrop(layer, scheduler, layerOrdinal, options),
    ),
  (random) =>
    around(
      "sample",
      {
        batchSize: 2,
        seqLength: 8,
        batchOffset: 0,
        keepMask: pick(random, [undefined, mask()]),
        paddingMask: pick(random, [undefined, mask()]),
      },
      ({ batchSize, seqLength, ...options }) =>
        wrap({ raiseToKept: true }).sample(batchSize, seqLength, options),
    ),
  () =>
    around("sample, options", { options: { batchOffset: 1 } }, ({ options }) => wrap().sample(2, 8, options)),
  () =>
    around("layerTokens", { batchSize: 2, seqLength: 8, options: {} }, ({ batchSize, seqLength, options }) =>
      wrap().layerTokens(batchSize, seqLength, options),
    ),
  (random) =>
    around(
      "forward",
      {
        states: hidden(),
        ...kwargs(),
        batchOffset: 0,
        inPlace: pick(random, [undefined, false]),
        keepMask: undefined,
        indicesOf: undefined,
      },
      ({ states, batchOffset, inPlace, keepMask, indicesOf, ...kwargs }) =>
        wrap().forward(states, kwargs, { batchOffset, inPlace, keepMask, indicesOf }),
    ),
  () =>
    around("forward, objects", { kwargs: kwargs(), options: {} }, ({ kwargs, options }) =>
      wrap().forward(hidden(), kwargs, options),
    ),
  () =>
    around(
      "backward",
      { outGrad: hidden(), batchOffset: 0, inPlace: false, encoder: undefined },
      ({ outGrad, ...options }) => {
        const layer = wrap();
        layer.forward(hidden(), kwargs());
        return layer.backward(outGrad, options);
      },
    ),
  () =>
    around("a layer's answer", { answer: tensor(new Float32Array(12), [2, 2, 3]) }, ({ answer }) => {
      const layer = new RandomLayerTokenDrop<CPUTensor>(() => answer, scheduler(), 0);
      return layer.forward(hidden(), { attention_mask: null });
    }),
  () =>
    around(
      "convertToRandomLTD",
      {
        layers: [block(), block(), block()],
        scheduler: scheduler(),
        routes: [[1, 1]],
        ops: undefined,
        keepPrefix: undefined,
        alongSequence: { position_ids: "batch_seq_dim" },
      },
      ({ layers, scheduler, ...options }) => convertToRandomLTD(layers, scheduler, options),
    ),
  () =>
    around("convertToRandomLTD, a route", { route: { layers: [1, 1], dropRatio: 0.5 } }, ({ route }) =>
      convertToRandomLTD([block(), block(), block()], scheduler(), { routes: [route] }),
    ),
  () =>
    around(
      "stack",
      { batchSize: 2, seqLength: 8, options: {}, states: hidden(), kwargs: kwargs() },
      ({ batchSize, seqLength, options, states, kwargs }) => {
        const stack = convertToRandomLTD<CPUTensor>([block(), block(), block()], scheduler(), {
          alongSequence: ["position_ids"],
        });
        stack.sample(batchSize, seqLength, options);
        stack.layerTokens(batchSize, seqLength, options);
        return stack.forward(states, kwargs, options);
      },
    ),
  () => around("setCoreModule", { module: Object.create(null) }, ({ module }) => setCoreModule(module)),
];

/** A right call of one of them; `setCoreModule` alone is always refused. */
export const makeAround = (random: Random): Made => pick(random, MAKERS)(random);
