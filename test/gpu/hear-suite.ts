/** That errors are heard, wherever the other suites rely on it. */
import { describe, expect, test } from "vitest";
import type { HeardDevice } from "./hear.ts";

export function hearSuite(name: string, open: () => Promise<HeardDevice>): void {
  describe(`errors, ${name}`, () => {
    test("what a device reports is heard once", async () => {
      const heard = await open();
      const { device } = heard;
      const told = () =>
        heard.check().then(
          () => "nothing",
          () => "an error",
        );
      expect(await told()).toBe("nothing");
      const source = device.createBuffer({ size: 16, usage: 0x80 }); // STORAGE, and no COPY_SRC
      const target = device.createBuffer({ size: 16, usage: 0x8 }); // COPY_DST
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, 16);
      device.queue.submit([encoder.finish()]);
      expect(await told()).toBe("an error");
      expect(await told()).toBe("nothing");
      for (const buffer of [source, target]) buffer.destroy();
      await heard.close();
    });
  });
}
