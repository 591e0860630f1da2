// A small GPT in jax-js whose middle layers may see K of S tokens.
//
// Letters: B rows, S tokens, K retained, C channels, H heads, D = C / H, V characters, L wrapped layers.
// jax-js: a call consumes the arrays that it is given; `x.ref` keeps one for later.
import { nn, numpy as np, random, tree, vjp } from "@jax-js/jax";
import { GatherTokens, gptSampleTokens, layerOf, tensor } from "random-ltd";

/** Fresh weights; the same seed gives the same ones. */
export function initWeights({ vocab, channels: C, layers, seed }) {
  const shapes = [
    [vocab, C],
    [C, vocab],
  ];
  for (let l = 0; l < layers; l++) shapes.push([C, 3 * C], [C, C], [C, 4 * C], [4 * C, C]);
  // What a layer adds to the residual stream starts smaller the more layers there are (GPT-2, section 2.3).
  const residual = 1 / Math.sqrt(2 * layers);
  const keys = random.split(random.key(seed), shapes.length);
  const draw = (i, scale) => {
    const [rows, columns] = shapes[i];
    return random
      .normal(keys.ref.slice(i), shapes[i])
      .mul(scale / Math.sqrt(rows === vocab ? columns : rows));
  };
  const blocks = Array.from({ length: layers }, (_, l) => ({
    attnNorm: np.ones([C]),
    qkv: draw(2 + 4 * l, 1),
    attnOut: draw(3 + 4 * l, residual),
    mlpNorm: np.ones([C]),
    up: draw(4 + 4 * l, 1),
    down: draw(5 + 4 * l, residual),
  }));
  const weights = { embed: draw(0, 1), blocks, norm: np.ones([C]), head: draw(1, 1) };
  keys.dispose();
  return weights;
}

/** Rotary position tables: cosines and sines, [S,D/2]. */
export function rotaryTables({ seq, channels, heads }) {
  const half = channels / heads / 2;
  const angle = (_, i) => Math.floor(i / half) * 10_000 ** (-(i % half) / half);
  const angles = Float64Array.from({ length: seq * half }, angle);
  return { half, cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) };
}

/** The tables of all positions, as [1,S,1,D/2]. */
export function allPositions({ half, cos, sin }) {
  const table = (values) => np.array(values, { shape: [1, values.length / half, 1, half] });
  return { cos: table(cos), sin: table(sin) };
}

/**
 * Which tokens the wrapped layers see at a step, drawn by this library, in the form that `lossAndGradients` takes: for
 * each layer the rows to gather [B*K], the way back [B*S] and whether there is one [B*S,1], and position tables
 * [B,K,1,D/2]. Under the causal mask the retained tokens, in ascending order, need the top-left K x K of it: the block
 * makes that itself, so no mask is asked for.
 */
export function sampleRoutes(tables, { reservedLength: K, seqLength: S, batchSize: B, layers, seed, step }) {
  const { sampledIndices } = gptSampleTokens({
    reservedLength: K,
    seqLength: S,
    batchSize: B,
    layers,
    seed,
    step,
  });
  const { half } = tables;
  const [cos, sin] = [tables.cos, tables.sin].map((values) => {
    const data = new Float32Array(B * values.length);
    for (let b = 0; b < B; b++) data.set(values, b * values.length);
    return tensor(data, [B, S, half]);
  });
  return Array.from({ length: layers }, (_, l) => {
    const indices = layerOf(sampledIndices, l);
    const rows = new Int32Array(B * K);
    const back = new Int32Array(B * S);
    const kept = new Int32Array(B * S);
    for (let i = 0; i < B * K; i++) {
      rows[i] = Math.floor(i / K) * S + indices.data[i];
      back[rows[i]] = i;
      kept[rows[i]] = 1;
    }
    const positions = (table) =>
      np.array(GatherTokens.forward(table, indices).data, { shape: [B, K, 1, half] });
    return {
      rows: np.array(rows),
      back: np.array(back),
      kept: np.array(kept, { shape: [B * S, 1], dtype: np.bool }),
      cos: positions(cos),
      sin: positions(sin),
    };
  });
}

function rmsNorm(x, gain) {
  const size = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(1e-5));
  return x.div(size).mul(gain);
}

/** Turns [B,T,H,D] by its positions. */
function rotate(x, cos, sin) {
  const half = x.shape[3] / 2;
  const a = x.ref.slice([], [], [], [0, half]);
  const b = x.slice([], [], [], [half, 2 * half]);
  return np.concatenate([a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)), b.mul(cos).add(a.mul(sin))], 3);
}

/** One transformer layer over T tokens a row: x [B*T,C], position tables [B or 1,T,1,D/2]. */
function block({ attnNorm, qkv, attnOut, mlpNorm, up, down }, x, cos, sin, heads) {
  const T = cos.shape[1];
  const [rows, C] = x.shape;
  const D = C / heads;
  const parts = np.matmul(rmsNorm(x.ref, attnNorm), qkv).reshape([rows / T, T, 3, heads, D]);
  const q = rotate(parts.ref.slice([], [], 0), cos.ref, sin.ref).mul(1 / Math.sqrt(D));
  const k = rotate(parts.ref.slice([], [], 1), cos, sin);
  const v = parts.slice([], [], 2);
  const scores = np.matmul(np.transpose(q, [0, 2, 1, 3]), np.transpose(k, [0, 2, 3, 1]));
  const causal = np.greaterEqual(np.arange(T).reshape([T, 1]), np.arange(T));
  const weights = nn.softmax(np.where(causal, scores, -1e9), -1);
  const mixed = np.transpose(np.matmul(weights, np.transpose(v, [0, 2, 1, 3])), [0, 2, 1, 3]);
  const y = x.add(np.matmul(mixed.reshape([rows, C]), attnOut));
  return y.ref.add(np.matmul(nn.gelu(np.matmul(rmsNorm(y, mlpNorm), up)), down));
}

/** The loss of each position, from x [B*S,C] and one-hot targets [B*S,V]. */
function positionLosses(norm, head, x, targets) {
  const logProbabilities = nn.logSoftmax(np.matmul(rmsNorm(x, norm), head), -1);
  return logProbabilities.mul(targets).sum(-1).mul(-1);
}

/**
 * The mean loss of a batch and its gradients. A layer with a route sees only the tokens that the route retains; the
 * others pass it by. Autodiff would turn each gather into a scatter-add, which the WASM backend interprets, so the two
 * directions are put together by hand from the vjp of each block, and both are gathers: 0.67 of the full step where
 * autodiff had 0.73 (K = S/2 on 4 of 6 layers).
 *
 * @param weights As from `initWeights`.
 * @param tokens, targets int32 [B*S].
 * @param positions As from `allPositions`.
 * @param routes One for each wrapped layer as from `sampleRoutes`, beginning at layer 1; none: all tokens everywhere.
 * @param one The number 1. To multiply by it keeps jit from fusing a gather into a reshape, which it can't compile.
 */
export function lossAndGradients(weights, tokens, targets, positions, routes, one, { vocab, heads }) {
  const { embed, blocks, norm, head } = weights;
  const hot = nn.oneHot(tokens, vocab);
  const pick = (x, rows) => np.take(x, rows, 0).mul(one.ref);
  let x = np.matmul(hot.ref, embed);
  const pullBlocks = blocks.map((weight, l) => {
    const route = routes[l - 1];
    const { cos, sin } = route ?? positions;
    const input = route ? pick(x.ref, route.rows.ref) : x;
    const [y, pull] = vjp((w, h) => block(w, h, cos.ref, sin.ref, heads), [weight, input]);
    x = route ? np.where(route.kept.ref, pick(y, route.back.ref), x) : y;
    return pull;
  });
  const goal = nn.oneHot(targets, vocab);
  const [loss, pullHead] = vjp((n, h, x) => positionLosses(n, h, x, goal.ref).mean(), [norm, head, x]);
  let [gNorm, gHead, g] = pullHead(np.array(1));
  const gBlocks = [];
  for (let l = blocks.length - 1; l >= 0; l--) {
    const route = routes[l - 1];
    const [gWeights, gInput] = pullBlocks[l](route ? pick(g.ref, route.rows.ref) : g);
    gBlocks.unshift(gWeights);
    g = route ? np.where(route.kept.ref, pick(gInput, route.back.ref), g) : gInput;
  }
  const gEmbed = np.matmul(np.transpose(hot), g);
  for (const pull of [...pullBlocks, pullHead]) pull.dispose();
  tree.dispose([positions, routes, goal, one]);
  return [loss, { embed: gEmbed, blocks: gBlocks, norm: gNorm, head: gHead }];
}

/** The mean loss of each row [B], all tokens everywhere. */
export function rowLosses(weights, tokens, targets, positions, { vocab, heads }) {
  const { embed, blocks, norm, head } = weights;
  const { cos, sin } = positions;
  let x = np.matmul(nn.oneHot(tokens, vocab), embed);
  const seq = cos.shape[1];
  const rows = x.shape[0] / seq;
  for (const weight of blocks) x = block(weight, x, cos.ref, sin.ref, heads);
  tree.dispose(positions);
  return positionLosses(norm, head, x, nn.oneHot(targets, vocab)).reshape([rows, seq]).mean(-1);
}
