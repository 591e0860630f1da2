/** Starts the ranks of a PyTorch run by hand, each a process, as torchrun would. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";

/** A line that rank 0 prints for each step. */
export interface StepLine {
  readonly step: number;
  readonly loss: number;
  readonly K: number;
  readonly digest: string;
}

/** How the ranks ended, and what rank 0 printed. */
export interface RanksResult {
  readonly lines: readonly StepLine[];
  readonly codes: readonly (number | null)[];
  readonly errors: string;
}

/** A port below those that the system gives out by itself, so that nothing else takes it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(12_000 * Math.random());
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Runs `python -m random_ltd.train` on so many ranks to its end; `errors` is what they wrote to stderr. */
export async function runRanks(python: string, world: number, args: readonly string[]): Promise<RanksResult> {
  const port = String(await freePort());
  const ranks = Array.from({ length: world }, (_, rank) => {
    const child = spawn(python, ["-m", "random_ltd.train", "--threads", "1", ...args], {
      env: {
        ...process.env,
        PYTHONPATH: "interop/python",
        PYTHONDONTWRITEBYTECODE: "1",
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(world),
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: port,
        GLOO_SOCKET_IFNAME: "lo",
      },
      stdio: ["ignore", "pipe", "pipe"],
      // Ten steps take seconds; ranks that wait for each other for ever are ended, and seen to have failed.
      timeout: 180_000,
      killSignal: "SIGKILL",
    });
    const said = { out: "", errors: "" };
    child.stdout.on("data", (part) => {
      said.out += part;
    });
    child.stderr.on("data", (part) => {
      said.errors += part;
    });
    return new Promise<{ code: number | null; out: string; errors: string }>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, ...said }));
    });
  });
  const ended = await Promise.all(ranks);
  return {
    lines: ended[0].out
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
    codes: ended.map(({ code }) => code),
    errors: ended.map(({ errors }) => errors).join(""),
  };
}
