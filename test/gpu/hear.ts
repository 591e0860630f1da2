/** Devices whose errors are all heard, in Node and on a page. */

/** A device whose errors are all heard. */
export interface HeardDevice {
  readonly device: GPUDevice;
  /** Throws the errors that the device has reported since. */
  check(): Promise<void>;
  /** Throws them a last time, and ends the device. */
  close(): Promise<void>;
}

const SCOPES = ["validation", "out-of-memory", "internal"] as const;

/** Puts error scopes around everything that a device is asked for. */
export function hear(device: GPUDevice): HeardDevice {
  const uncaptured: string[] = [];
  device.addEventListener("uncapturederror", (event) => uncaptured.push(event.error.message));
  const push = () => {
    for (const filter of SCOPES) device.pushErrorScope(filter);
  };
  const pop = async () => {
    const errors = await Promise.all(SCOPES.map(() => device.popErrorScope()));
    const messages = [...errors.flatMap((error) => (error === null ? [] : [error.message])), ...uncaptured];
    uncaptured.length = 0;
    if (messages.length > 0) throw new Error(messages.join("\n"));
  };
  push();
  return {
    device,
    async check() {
      const popped = pop();
      push();
      await popped;
    },
    async close() {
      await pop();
      device.destroy();
    },
  };
}
