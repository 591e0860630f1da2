/** The first of the calls that `npm run fuzz` makes by the million. */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz/fuzz.ts";

test("right calls answer as the reference does, hostile ones are refused in the one form and write nothing", () => {
  for (let call = 0; call < 3000; call++) expect(fuzz(call), `call ${call}`).toBeUndefined();
});
