/** The transformer block of test/routing/tiny.ts in TF.js operations, for its weights. */
import type { Kwargs } from "../../../src/index.ts";
import type { Block } from "../../routing/tiny.ts";
import { tf } from "./backends.ts";

export const NAMES = ["wq", "wk", "wv", "wo", "w1", "w2"] as const;
export type Variables = Record<(typeof NAMES)[number], any>;

/** TF.js variables with a block's weights. */
export function variablesOf(block: Block): Variables {
  const { c } = block;
  const entries = NAMES.map((name) => {
    const value = tf.tensor(Float32Array.from(block.weights[name]), [c, c]);
    const variable = tf.variable(value);
    value.dispose();
    return [name, variable];
  });
  return Object.fromEntries(entries) as Variables;
}

/** Turns pairs of channels by `angles`, [B or 1,N] or [N]. */
function rotate(x: any, angles: any): any {
  if (!angles) return x;
  const [batch, n, c] = x.shape;
  const by = tf.reshape(angles, [-1, n, 1]);
  const turn = tf.div(
    by,
    tf.tensor(
      Float32Array.from({ length: c / 2 }, (_, i) => 2 * i + 1),
      [1, 1, c / 2],
    ),
  );
  const [sin, cos] = [tf.sin(turn), tf.cos(turn)];
  const pairs = tf.reshape(x, [batch, n, c / 2, 2]);
  const [u, w] = tf.unstack(pairs, 3);
  const turned = [tf.sub(tf.mul(u, cos), tf.mul(w, sin)), tf.add(tf.mul(u, sin), tf.mul(w, cos))];
  return tf.reshape(tf.stack(turned, 3), [batch, n, c]);
}

/** x [B,N,C] times a matrix. */
function times(x: any, w: any): any {
  const [batch, n, c] = x.shape;
  return tf.reshape(tf.matMul(tf.reshape(x, [batch * n, c]), w), [batch, n, -1]);
}

/** See test/routing/tiny.ts; `keys` is added to the scores of each key, for a bias that is learned. */
export function blockOf(v: Variables): (hidden: any, kwargs?: Kwargs) => any {
  return (x, kwargs = {}) => {
    const [, n, c] = x.shape;
    const q = rotate(times(x, v.wq), kwargs.rope);
    const k = rotate(times(x, v.wk), kwargs.rope);
    let scores = tf.div(tf.matMul(q, k, false, true), Math.sqrt(c));
    const mask = kwargs.attention_mask as any;
    if (mask) scores = tf.add(scores, tf.reshape(mask, [mask.shape[0], mask.shape[2], n]));
    const y = tf.add(x, times(tf.matMul(tf.softmax(scores), times(x, v.wv)), v.wo));
    return tf.add(y, times(tf.tanh(times(y, v.w1)), v.w2));
  };
}
