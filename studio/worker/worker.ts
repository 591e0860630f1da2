/** Trains, in a worker: hears the page's orders, and tells it how the race goes. */
import { type Control, drive } from "./drive.ts";
import type { Machine, News, Order } from "./protocol.ts";

const control: Control = { wanted: "run", saveNow: false };

/** Where the models train, once that is settled. */
let backend: Machine["backend"] | undefined;

function tell(news: News, transfer: Transferable[] = []): void {
  if (news.kind === "machine") backend = news.machine.backend;
  postMessage(news, { transfer });
}

function ended(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  // jax-js watches no device: a lost one rejects whatever waits for it.
  tell({ kind: backend === "webgpu" ? "lost" : "failed", reason });
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  switch (data.kind) {
    case "start":
      drive(data, tell, control).catch(ended);
      break;
    case "pause":
      control.wanted = "pause";
      break;
    case "resume":
      control.wanted = "run";
      break;
    case "stop":
      control.wanted = "stop";
      break;
    case "save":
      control.saveNow = true;
      break;
  }
});
