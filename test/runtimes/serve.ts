/** The packed project over HTTP, for pages that load the package's own files and post what they saw. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const TYPES: Record<string, string> = { ".js": "text/javascript", ".html": "text/html", ".css": "text/css" };

/** What a page runs: no bundler, no import map. */
export const PAGE_SCRIPT = `import * as lib from "/node_modules/random-ltd/dist/index.js";
import { onCPU, onWebGPU } from "/answer.js";
`;

export interface Served {
  readonly origin: string;
  /** What a page posts next to /answer. */
  answer(): Promise<string>;
  close(): void;
}

/** @param policies Content-Security-Policies by the path that is served with them. */
export async function serve(
  folder: string,
  policies: Readonly<Record<string, string>> = {},
): Promise<Served> {
  let answered: (answer: string) => void = () => {};
  const server = createServer((request, response) => {
    const { method } = request;
    const url = (request.url ?? "/").replace(/\?.*/, "");
    if (method === "POST" && url === "/answer") {
      let body = "";
      request.on("data", (piece) => {
        body += piece;
      });
      request.on("end", () => {
        response.end();
        answered(body);
      });
      return;
    }
    try {
      const body = readFileSync(join(folder, url));
      response.setHeader("Content-Type", TYPES[extname(url)] ?? "application/octet-stream");
      if (url in policies) response.setHeader("Content-Security-Policy", policies[url]);
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: () =>
      new Promise((resolve) => {
        answered = resolve;
      }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
