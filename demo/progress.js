import cliProgress from "cli-progress";

/** Without a terminal, a line this often. */
const LINE_EVERY_MS = 5000;

/** Seconds as minutes and seconds. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How far a run is and how long it still takes, from what work of each kind took so far. */
export class Estimate {
  #kinds;

  /** @param {Record<string, { total: number, guess: number }>} kinds Amounts, and seconds for one before any is done. */
  constructor(kinds) {
    this.#kinds = Object.entries(kinds).map(([name, kind]) => ({ name, ...kind, done: 0, seconds: 0 }));
  }

  #kind(name) {
    return this.#kinds.find((kind) => kind.name === name);
  }

  /** How much of a kind there is to do has changed. */
  replan(name, total) {
    this.#kind(name).total = total;
  }

  add(name, amount, seconds) {
    const kind = this.#kind(name);
    kind.done += amount;
    kind.seconds += seconds;
  }

  /** From 0 to 1, by the guesses alone, so that it never falls. */
  get fraction() {
    const sum = (amount) => this.#kinds.reduce((total, kind) => total + amount(kind) * kind.guess, 0);
    return Math.min(1, sum(({ done }) => done) / sum(({ total }) => total));
  }

  get secondsLeft() {
    const rate = ({ done, seconds, guess }) => (done ? seconds / done : guess);
    return this.#kinds.reduce((sum, kind) => sum + Math.max(0, kind.total - kind.done) * rate(kind), 0);
  }
}

/** A bar on a terminal, a line every few seconds anywhere else. */
export class Progress {
  #stream;
  #bar = null;
  #lastLine = Number.NEGATIVE_INFINITY;

  constructor(stream = process.stderr) {
    this.#stream = stream;
    if (!stream.isTTY) return;
    this.#bar = new cliProgress.SingleBar({
      stream,
      format: "{bar} {percentage}% | {text}",
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 14,
      hideCursor: true,
      // Ctrl-C is the caller's matter.
      gracefulExit: false,
    });
    this.#bar.start(1000, 0, { text: "" });
  }

  /** Draws how far it is, 0 to 1, and a text; `phase`: it matters enough for a line of its own. */
  show(fraction, text, phase = false) {
    if (this.#bar) {
      this.#bar.update(Math.floor(fraction * 1000), { text });
      // At once: the work that follows keeps the event loop, and the bar's own timer, waiting.
      this.#bar.render();
      return;
    }
    const now = performance.now();
    if (!phase && now - this.#lastLine < LINE_EVERY_MS) return;
    this.#lastLine = now;
    this.#stream.write(`${String(Math.floor(fraction * 100)).padStart(3)}% | ${text}\n`);
  }

  /** Gives the terminal back. */
  stop() {
    this.#bar?.stop();
    this.#bar = null;
  }
}
