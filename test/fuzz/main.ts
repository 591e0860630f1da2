/**
 * `npm run fuzz -- [calls] [first]`: calls of every public function with right and hostile arguments, numbered from
 * `first` on, each a function of its number. A worker makes them, so that a call that never ends is found too.
 */
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { fuzz } from "./fuzz.ts";

interface Work {
  readonly calls: number;
  readonly first: number;
  readonly at: Int32Array;
}

/** Faults that are told of, one of a kind, before the rest is only counted. */
const TOLD = 20;
const KIND = 60;

/** A call that takes longer than this, in seconds, never ends. */
const ENDLESS = 30;

function work({ calls, first, at }: Work): void {
  for (let n = 0; n < calls; n++) {
    Atomics.store(at, 0, n);
    const fault = fuzz(first + n);
    if (fault !== undefined) parentPort!.postMessage({ call: first + n, fault });
  }
}

async function watch(calls: number, first: number): Promise<number> {
  const at = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { calls, first, at } satisfies Work,
  });
  let [faults, seen, since] = [0, -1, Date.now()];
  const kinds = new Set<string>();
  worker.on("message", ({ call, fault }: { call: number; fault: string }) => {
    faults++;
    const kind = fault.slice(0, KIND);
    if (kinds.size < TOLD && !kinds.has(kind)) console.log(`call ${call}: ${fault}`);
    kinds.add(kind);
  });
  const ended = new Promise<void>((done, fail) => {
    worker.on("exit", () => done());
    worker.on("error", fail);
  });
  const timer = setInterval(() => {
    const n = Atomics.load(at, 0);
    if (n !== seen) [seen, since] = [n, Date.now()];
    else if (Date.now() - since > ENDLESS * 1000) {
      console.log(`call ${first + n}: not over after ${ENDLESS} s`);
      faults++;
      void worker.terminate();
    }
  }, 1000);
  await ended;
  clearInterval(timer);
  return faults;
}

if (isMainThread) {
  const [calls = 1_000_000, first = 0] = process.argv.slice(2).map(Number);
  const start = Date.now();
  const faults = await watch(calls, first);
  console.log(
    `${calls} calls from number ${first} on: ${faults} faults, ${Math.round((Date.now() - start) / 1000)} s`,
  );
  if (faults > 0) process.exitCode = 1;
} else work(workerData);
