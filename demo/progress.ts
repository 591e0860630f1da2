import cliProgress from "cli-progress";

/** Without a terminal, a line this often. */
const LINE_EVERY_MS = 5000;

/** Seconds as minutes and seconds. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A bar on a terminal, a line every few seconds anywhere else. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #lineEveryMs: number;
  #bar: cliProgress.SingleBar | null = null;
  #lastLine = Number.NEGATIVE_INFINITY;

  /** @param lineEveryMs Where there is no terminal, a line at most this often. */
  constructor(stream: NodeJS.WriteStream = process.stderr, lineEveryMs: number = LINE_EVERY_MS) {
    this.#stream = stream;
    this.#lineEveryMs = lineEveryMs;
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
  show(fraction: number, text: string, phase = false): void {
    if (this.#bar) {
      this.#bar.update(Math.floor(fraction * 1000), { text });
      // At once: the work that follows keeps the event loop, and the bar's own timer, waiting.
      (this.#bar as unknown as { render(): void }).render();
      return;
    }
    const now = performance.now();
    if (!phase && now - this.#lastLine < this.#lineEveryMs) return;
    this.#lastLine = now;
    this.#stream.write(`${String(Math.floor(fraction * 100)).padStart(3)}% | ${text}\n`);
  }

  /** Gives the terminal back. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}
