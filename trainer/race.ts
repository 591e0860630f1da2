/** Several runs at once, so that whatever else the machine does meets all alike. */
import type { Run, StepResult } from "./run.ts";
import type { RunConfig, RunState } from "./types.ts";
import { type Outcome, type Role, type Verdict, verdictOf } from "./verdict.ts";

export interface Contestant {
  readonly name: string;
  readonly role: Role;
  readonly run: Run;
}

/** What a race tells of as it goes. */
export type RaceEvent =
  | { readonly type: "compiling"; readonly contestant: Contestant; readonly what: string }
  | { readonly type: "step"; readonly contestant: Contestant; readonly result: StepResult }
  | { readonly type: "evaluating"; readonly contestant: Contestant }
  | { readonly type: "evaluated"; readonly contestant: Contestant };

export interface RaceOptions {
  /** Evaluations of each run over its budget, the last one at its end. Default 10. */
  readonly evaluations?: number;
  /** Awaited after each step, for messages and keys to get through. Default: until the next macrotask. */
  readonly pause?: () => Promise<void>;
}

/** A contestant put away. */
export interface RaceState {
  readonly contestants: readonly {
    readonly name: string;
    readonly role: Role;
    readonly compileSeconds: number;
    readonly state: RunState;
  }[];
}

/** What a race came to, as plain data. */
export interface RaceRecord {
  readonly contestants: readonly (Outcome & {
    readonly config: RunConfig;
    readonly compileSeconds: number;
    readonly failure: string | null;
    /** Operations of a step at each length. */
    readonly flops: Readonly<Record<number, number>>;
    readonly parameters: number;
  })[];
  readonly verdict: Verdict | null;
}

/**
 * A race of runs. Always the one steps that has used least time, so that at any moment those still running have used the
 * same time up to a step. The time is that of their clocks: training alone.
 *
 * @example
 * const race = new Race([{ name: "all tokens", role: "full", run }, { name: "a route", role: "dropping", run: other }]);
 * for await (const event of race.events()) show(event);
 * console.log(race.record().verdict);
 */
export class Race {
  readonly contestants: readonly Contestant[];
  readonly #compileSeconds = new Map<Contestant, number>();
  readonly #evaluations: number;
  readonly #pause: () => Promise<void>;

  constructor(contestants: readonly Contestant[], { evaluations = 10, pause = macrotask }: RaceOptions = {}) {
    this.contestants = contestants;
    this.#evaluations = evaluations;
    this.#pause = pause;
  }

  /** Who steps next; null when all are done. */
  get next(): Contestant | null {
    const running = this.contestants.filter(({ run }) => !run.finished);
    return running.reduce<Contestant | null>(
      (a, b) => (a && a.run.totals.seconds <= b.run.totals.seconds ? a : b),
      null,
    );
  }

  /** Compiles all, before any clock runs. */
  async *compile(): AsyncGenerator<RaceEvent> {
    for (const contestant of this.contestants) {
      if (contestant.run.finished) continue;
      const start = performance.now();
      for await (const what of contestant.run.compile()) {
        yield { type: "compiling", contestant, what };
        await this.#pause();
      }
      const before = this.#compileSeconds.get(contestant) ?? 0;
      this.#compileSeconds.set(contestant, before + (performance.now() - start) / 1000);
    }
  }

  /** Compiles, then steps and evaluates until every budget is spent. Stop by leaving the loop; then {@link close}. */
  async *events(): AsyncGenerator<RaceEvent> {
    yield* this.compile();
    // Of a race that was put away between a step and its evaluation.
    for (const contestant of this.contestants) {
      if (contestant.run.isDue(this.#evaluations)) yield* this.#evaluate(contestant);
    }
    for (let contestant = this.next; contestant; contestant = this.next) {
      const { run } = contestant;
      const result = await run.step();
      yield { type: "step", contestant, result };
      await this.#pause();
      if (run.isDue(this.#evaluations) || run.finished) yield* this.#evaluate(contestant);
    }
  }

  /** Evaluates every run that has moved on since: for a race that was stopped. */
  async *close(): AsyncGenerator<RaceEvent> {
    for (const contestant of this.contestants) {
      const { totals, history } = contestant.run;
      if (totals.step > 0 && history.evaluations.at(-1)?.step !== totals.step)
        yield* this.#evaluate(contestant);
    }
  }

  async *#evaluate(contestant: Contestant): AsyncGenerator<RaceEvent> {
    yield { type: "evaluating", contestant };
    await contestant.run.evaluate(this.#pause);
    yield { type: "evaluated", contestant };
  }

  /** What each came to, and the verdict. */
  record(): RaceRecord {
    const contestants = this.contestants.map((contestant) => {
      const { name, role, run } = contestant;
      const { config, history, rowLosses, failure, model, lengths } = run;
      const flops = Object.fromEntries(lengths.all().map((K) => [K, config.batch * model.flops(K)]));
      const sizes = Object.values(model.layout).map(({ shape }) => shape.reduce((a, b) => a * b));
      const parameters = sizes.reduce((a, b) => a + b);
      const compileSeconds = this.#compileSeconds.get(contestant) ?? 0;
      return { name, role, config, history, rowLosses, failure, compileSeconds, flops, parameters };
    });
    return { contestants, verdict: verdictOf(contestants) };
  }

  /** All runs, copied out. */
  async state(): Promise<RaceState> {
    const contestants = [];
    for (const contestant of this.contestants) {
      const { name, role, run } = contestant;
      const compileSeconds = this.#compileSeconds.get(contestant) ?? 0;
      contestants.push({ name, role, compileSeconds, state: await run.state() });
    }
    return { contestants };
  }

  dispose(): void {
    for (const { run } of this.contestants) run.dispose();
  }
}

/** Until the next macrotask. setTimeout waits 4 ms in a browser, and awaiting WASM never leaves the microtasks. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
