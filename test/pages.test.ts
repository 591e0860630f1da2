/** The repository's pages keep their word: links lead somewhere, and the files and commands that they name are there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Slugger from "github-slugger";
import { lexer, type Token, walkTokens } from "marked";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const { scripts } = JSON.parse(read("package.json"));

/** Folders at the top whose files a page may name in code. */
const ROOMS =
  /^(?:assembly|bench|demo|docs|evidence|gpu|interop|scripts|src|studio|test|trainer|\.ci)\/[\w./-]*[\w-]$/;

const pages = ["", "docs", "bench", "interop/python"].flatMap((folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith(".md"))
        .map((name) => join(folder, name))
    : [],
);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** What a page says: its headings as anchors, its links, its code spans and its shell commands. */
function contents(text: string) {
  const slugger = new Slugger();
  const found = { anchors: new Set<string>(), links: [] as string[], code: [] as string[] };
  walkTokens(lexer(text), (token: Token) => {
    if (token.type === "heading") found.anchors.add(slugger.slug(token.text.replaceAll("`", "")));
    else if (token.type === "link" || token.type === "image") found.links.push(token.href);
    else if (token.type === "codespan") found.code.push(token.text);
    else if (token.type === "code" && token.lang === "sh") found.code.push(...token.text.split(/\n|&&/));
  });
  return found;
}

/** What is wrong with a page; nothing where all is well. */
function faults(page: string, text: string): string[] {
  const { links, code } = contents(text);
  const wrong: string[] = [];
  for (const link of links) {
    if (/^[a-z]+:/.test(link)) continue; // another site's
    const [path, anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(root, target))) wrong.push(`${link} leads nowhere`);
    else if (anchor) {
      const there = target === page ? text : read(target);
      if (!contents(there).anchors.has(anchor)) wrong.push(`${link} names no heading`);
    }
  }
  for (const words of code.map((line) => line.trim())) {
    const [, script] = /^npm run ([\w:-]+)/.exec(words) ?? [];
    if (script !== undefined && !(script in scripts)) wrong.push(`there is no "${words}"`);
    if (ROOMS.test(words) && !existsSync(join(root, words))) wrong.push(`there is no ${words}`);
  }
  return wrong;
}

describe("pages", () => {
  test.each(pages)("%s", (page) => {
    expect(faults(page, read(page))).toEqual([]);
  });

  test("the checks bite", () => {
    const text =
      "# A b\n[a](#a-b) [b](#b) [c](docs/nothing.md) [d](LICENSE#e)\n\n`npm run nothing` `src/nothing.ts`";
    expect(faults("README.md", text)).toEqual([
      "#b names no heading",
      "docs/nothing.md leads nowhere",
      "LICENSE#e names no heading",
      'there is no "npm run nothing"',
      "there is no src/nothing.ts",
    ]);
  });
});
