/** A run's state as bytes, in the format of safetensors: NumPy, PyTorch and JAX read its arrays without this trainer. */
import type { HostArray, HostArrays, RunState } from "./types.ts";

const DTYPES = { F32: Float32Array, I32: Int32Array } as const;

/** How an array stands in a file's header. */
interface Entry {
  readonly dtype: keyof typeof DTYPES;
  readonly shape: number[];
  /** From the first byte after the header. */
  readonly data_offsets: [number, number];
}

/**
 * Arrays and a text as a safetensors file: 8 bytes with the length of the header, little-endian; the header, JSON padded
 * to a multiple of 8; the arrays one after another (https://github.com/huggingface/safetensors, "Format").
 */
export function encodeArrays(arrays: HostArrays, metadata: Record<string, string>): Uint8Array<ArrayBuffer> {
  let end = 0;
  const header: Record<string, Entry | Record<string, string>> = { __metadata__: metadata };
  for (const [name, { data, shape }] of Object.entries(arrays)) {
    const dtype = data instanceof Int32Array ? "I32" : "F32";
    header[name] = { dtype, shape: [...shape], data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  let text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 * Math.ceil(text.length / 8)).fill(0x20);
  padded.set(text);
  text = padded;
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { data } of Object.values(arrays)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * What {@link encodeArrays} put into a file, or another program.
 *
 * @throws RangeError where the bytes are no safetensors file, or hold arrays that are neither float32 nor int32.
 */
export function decodeArrays(bytes: Uint8Array): { arrays: HostArrays; metadata: Record<string, string> } {
  const refuse = (got: string): never => {
    throw new RangeError(`"bytes" expected a safetensors file of float32 and int32, got ${got}`);
  };
  if (bytes.length < 8) refuse(`${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8) refuse(`a header of ${length} bytes in a file of ${bytes.length}`);
  const { __metadata__, ...entries } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  ) as Record<string, Entry> & { __metadata__?: Record<string, string> };
  const arrays: Record<string, HostArray> = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const Type = DTYPES[dtype] ?? refuse(`${name} of ${dtype}`);
    const [from, to] = data_offsets.map((offset) => 8 + length + offset);
    const size = shape.reduce((a, b) => a * b, 1);
    if (!(from >= 8 + length && to <= bytes.length && to - from === 4 * size)) {
      refuse(`${name} [${shape}] at [${data_offsets}]`);
    }
    // Not `bytes.slice`: a Buffer of Node's shares its bytes there.
    arrays[name] = { shape, data: new Type(new Uint8Array(bytes.subarray(from, to)).buffer) };
  }
  return { arrays, metadata: __metadata__ ?? {} };
}

/** A whole run as bytes: the arrays by their names, all else as JSON under `run`. */
export function encodeState({ arrays, ...rest }: RunState): Uint8Array<ArrayBuffer> {
  return encodeArrays(arrays, { run: JSON.stringify(rest) });
}

/** The run that {@link encodeState} put into bytes. */
export function decodeState(bytes: Uint8Array): RunState {
  const { arrays, metadata } = decodeArrays(bytes);
  if (metadata.run === undefined)
    throw new RangeError('"bytes" expected the state of a run, got arrays alone');
  return { ...JSON.parse(metadata.run), arrays };
}
