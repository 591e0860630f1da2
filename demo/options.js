import { parseArgs } from "node:util";

/** What the command line may say: the default, the range, and a line of help for each. */
const NUMBERS = {
  steps: { value: 120, min: 1, max: 100_000, help: "training steps of each model" },
  seq: { value: 256, min: 16, max: 2048, multiple: 8, help: "S, tokens a sequence; a multiple of 8" },
  start: { min: 2, max: 2048, help: "K at the beginning, from S/8 to S (default S/8)" },
  layers: { value: 6, min: 3, max: 48, help: "layers; all but the first and the last are wrapped" },
  channels: { value: 64, min: 8, max: 1024, help: "C, channels; a multiple of twice the heads" },
  heads: { value: 2, min: 1, max: 64, help: "attention heads" },
  batch: { value: 4, min: 1, max: 256, help: "B, sequences a step" },
  lr: { value: 8e-3, min: 1e-7, max: 1, fraction: true, help: "highest learning rate" },
  seed: { value: 1, min: 0, max: 2 ** 32 - 1, help: "of weights, batches and retained tokens" },
  limit: {
    value: 165,
    min: 0,
    max: 1e6,
    help: "seconds that the run may take, with fewer steps if need be; 0: any",
  },
};

/** A mistake on the command line: one line to the user, no stack. */
export class OptionError extends Error {}

/** The text that `--help` prints. */
export function helpText() {
  const lines = Object.entries(NUMBERS).map(([name, { value, help }]) => {
    const shown = value === undefined ? help : `${help} (default ${value})`;
    return `  --${name.padEnd(9)} ${shown}`;
  });
  return `Usage: npm start -- [options]      or: node demo/main.js [options]

Trains one small GPT on the characters of Moby Dick twice, from the same weights and on the same
batches: with all tokens, and with random layerwise token dropping (random-LTD). Prints a table and
writes a picture and the numbers. Ctrl-C stops after the step at hand and keeps what there is.

${lines.join("\n")}
  --control   also train with all tokens for as few steps as cost random-LTD's operations
  --out       folder for the files (default out)
  --help      this text

Exit status: 0 when done, 130 after Ctrl-C, 2 for a wrong option.
`;
}

/**
 * The options of a run, checked.
 * @param {string[]} args `process.argv` without the first two.
 * @throws {OptionError} with a message of one line.
 */
export function parseOptions(args) {
  const { values } = readArgs(args);
  if (values.help) return { help: true };
  const options = { help: false, control: values.control ?? false, out: values.out ?? "out" };
  if (options.out === "") throw new OptionError(`"--out" expected a folder, got nothing`);
  for (const [name, rule] of Object.entries(NUMBERS)) options[name] = readNumber(name, rule, values[name]);
  const { seq, channels, heads } = options;
  if (channels % (2 * heads) !== 0) {
    throw new OptionError(
      `"--channels" expected a multiple of ${2 * heads} (twice the heads), got ${channels}`,
    );
  }
  options.start ??= seq / 8;
  if (options.start < seq / 8 || options.start > seq) {
    throw new OptionError(`"--start" expected an integer from ${seq / 8} to ${seq}, got ${options.start}`);
  }
  return options;
}

function readArgs(args) {
  const strings = [...Object.keys(NUMBERS), "out"].map((name) => [name, { type: "string" }]);
  try {
    return parseArgs({
      args,
      options: {
        ...Object.fromEntries(strings),
        control: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new OptionError(`${error.message.split("\n")[0].split(". ")[0]} (see --help)`);
  }
}

function readNumber(name, { value, min, max, multiple = 1, fraction = false }, text) {
  if (text === undefined) return value;
  const number = text.trim() === "" ? Number.NaN : Number(text);
  const whole = fraction || (Number.isInteger(number) && number % multiple === 0);
  if (whole && number >= min && number <= max) return number;
  const kind = fraction ? "a number" : multiple > 1 ? `a multiple of ${multiple}` : "an integer";
  throw new OptionError(`"--${name}" expected ${kind} from ${min} to ${max}, got ${text}`);
}
