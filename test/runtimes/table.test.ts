import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withTable } from "../../scripts/readme-table.js";

it("the README's table of what runs where is the record's", () => {
  const readme = readFileSync("README.md", "utf8");
  expect(readme, "`npm run table` writes it").toBe(withTable(readme));
});
