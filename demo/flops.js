/**
 * Floating-point operations of one training step, matrix products only: a multiplication and an addition each, once
 * forward and twice backward. Softmax, norms, the optimizer and the gathers themselves are left out.
 * @param {object} sizes
 * @param {number} K Tokens that each wrapped layer sees.
 */
export function stepFlops({ batch, seq, layers, channels: C, vocab }, K) {
  const layer = (T) => 3 * (24 * C * C * T + 4 * T * T * C);
  // The embedding is a product with one-hot rows, and nothing flows back into the text.
  const embedding = 2 * 2 * vocab * C * seq;
  const head = 3 * 2 * vocab * C * seq;
  return batch * (2 * layer(seq) + (layers - 2) * layer(K) + embedding + head);
}
