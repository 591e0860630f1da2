/** Handwritten digits as overlapping patches. */
import { Random } from "../random.ts";
import type { HostArrays, Task } from "../types.ts";

/** Images are squares of this many pixels a side. */
const SIDE = 28;
/** A patch's pixels a side, and how far apart patches begin; the image has a border of 2 for them. */
const PATCH = 6;
const STRIDE = 2;
const BORDER = 2;
const PER_SIDE = SIDE / STRIDE;
/** Pixels of a training image move by so many at most. */
const SHIFT = 2;

/** Tokens of an image, and numbers of a token. */
export const DIGIT_SIZES = { seq: PER_SIDE * PER_SIDE, patch: PATCH * PATCH, classes: 10 } as const;

/** The images, 28 x 28 each, 0 to 255 a pixel, and what they show. Their order does not matter. */
export interface DigitsData {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * Digits to tell apart, as 14 x 14 windows of 6 x 6 pixels that overlap. Training images are shifted by up to two pixels
 * each way.
 */
export function digits({ pixels, labels }: DigitsData, { heldOutRows = 512 } = {}): Task {
  const order = new Random(0x6d6e).shuffle(Uint32Array.from(labels, (_, i) => i));
  const heldOut = order.subarray(0, heldOutRows);
  const train = order.subarray(heldOutRows);

  const rows = (images: readonly { image: number; down: number; right: number }[]): HostArrays => {
    const { seq, patch } = DIGIT_SIZES;
    const data = new Float32Array(images.length * seq * patch);
    let at = 0;
    for (const { image, down, right } of images) {
      for (let n = 0; n < seq; n++) {
        const top = Math.floor(n / PER_SIDE) * STRIDE - BORDER - down;
        const left = (n % PER_SIDE) * STRIDE - BORDER - right;
        for (let i = 0; i < patch; i++) {
          const [y, x] = [top + Math.floor(i / PATCH), left + (i % PATCH)];
          const inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
          const value = inside ? pixels[image * SIDE * SIDE + y * SIDE + x] / 255 : 0;
          // The mean and the deviation of all pixels.
          data[at++] = (value - 0.13) / 0.31;
        }
      }
    }
    return {
      patches: { shape: [images.length, seq, patch], data },
      labels: { shape: [images.length], data: Int32Array.from(images, ({ image }) => labels[image]) },
    };
  };

  return {
    name: "digits",
    synthetic: false,
    keepPrefix: 0,
    baseline: { name: "a guess", loss: Math.log(DIGIT_SIZES.classes) },
    batch(seed, step, size) {
      const random = new Random(seed, step, 2);
      const shift = () => random.below(2 * SHIFT + 1) - SHIFT;
      return rows(
        Array.from({ length: size }, () => ({
          image: train[random.below(train.length)],
          down: shift(),
          right: shift(),
        })),
      );
    },
    heldOut: (size) =>
      Array.from({ length: Math.floor(heldOut.length / size) }, (_, i) =>
        rows(
          Array.from(heldOut.subarray(i * size, (i + 1) * size), (image) => ({ image, down: 0, right: 0 })),
        ),
      ),
  };
}
