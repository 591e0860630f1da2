import { checkInteger, MAX, wrongValue } from "./check.ts";
import { checkCPUTensor, checkDType, settled } from "./tensor.ts";
import type { CPUTensor, SortingBackend } from "./types.ts";

/** What `tokenSort` of an entry is. */
export interface TokenSort {
  /**
   * Sorts positions that were chosen in some other way into the order that gather and scatter need.
   * DeepSpeed's `token_sort_` (`csrc/random_ltd/token_sort.cu`), but into a new tensor and of any length.
   *
   * @param indices int32 on the CPU, rank 1 or more; the last dimension is K, every row of it distinct positions from 0
   *   to `seqLength` - 1, in any order.
   * @param seqLength S, from K to 2^31 - 1.
   * @returns int32 of the same shape, each row ascending.
   * @throws TypeError where `indices` is no int32 CPU tensor; RangeError where a position is out of range or repeated.
   * @example
   * const sorted = tokenSort(tensor(new Int32Array([7, 2, 5]), [1, 3]), 8); // 2, 5, 7
   */
  (indices: CPUTensor, seqLength: number): CPUTensor<Int32Array>;
}

/** `tokenSort` of an entry, by what sorts there. */
export function tokenSortOn(sorting: () => SortingBackend): TokenSort {
  return (indices, seqLength) => {
    const t = settled(checkCPUTensor("indices", indices));
    checkDType("indices", t, ["int32"]);
    if (t.shape.length < 1) wrongValue("indices", "at least one dimension", t);
    const retained = t.shape[t.shape.length - 1];
    checkInteger("seqLength", seqLength, retained, MAX.int32);
    const positions = t.data as Int32Array;
    const data = new Int32Array(positions.length);
    const at = sorting().sort(data, positions, positions.length / retained, retained, seqLength);
    if (at >= 0) {
      const got = `${positions[at]} in row ${Math.floor(at / retained)}`;
      wrongValue("indices", `distinct positions from 0 to ${seqLength - 1} in each row`, t, got);
    }
    return { data, shape: [...t.shape], dtype: "int32" };
  };
}
