/** The types that src/ writes by hand for the WASM modules have what the modules export, and nothing else. */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";

/** Each member of a type: of methods the number of parameters, of others "memory". */
function members(file: string, name: string): Record<string, number | string> {
  const { statements } = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  /** How many elements a tuple has, those of the tuples in it included. */
  const length = (type: ts.TypeNode): number => {
    if (ts.isTupleTypeNode(type)) {
      return type.elements.reduce(
        (n, element) => n + (ts.isRestTypeNode(element) ? length(element.type) : 1),
        0,
      );
    }
    const alias = statements
      .filter(ts.isTypeAliasDeclaration)
      .find(({ name }) => name.text === type.getText());
    return length(alias!.type);
  };
  const found = statements.filter(ts.isTypeAliasDeclaration).find((node) => node.name.text === name)!;
  return Object.fromEntries(
    (found.type as ts.TypeLiteralNode).members.map((member) => [
      (member.name as ts.Identifier).text,
      ts.isMethodSignature(member)
        ? member.parameters.reduce(
            (n, { dotDotDotToken, type }) => n + (dotDotDotToken ? length(type!) : 1),
            0,
          )
        : "memory",
    ]),
  );
}

/** Each export of an instance in the same form: a function of WASM tells the number of its parameters. */
function exportsOf({ exports }: WebAssembly.Instance): Record<string, number | string> {
  return Object.fromEntries(
    Object.entries(exports).map(([name, value]) => [
      name,
      typeof value === "function" ? value.length : "memory",
    ]),
  );
}

test("Core of src/core/core.ts is what the core exports", async () => {
  const { instance } = await WebAssembly.instantiate(readFileSync("build/core.wasm"));
  expect(exportsOf(instance)).toEqual(members("src/core/core.ts", "Core"));
});

test("Heap of src/adapters/tfjs/heap-rows.ts is what rows within another module's memory export", async () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(readFileSync("build/heap-rows.wasm"), {
    env: { memory },
  });
  expect(exportsOf(instance)).toEqual(members("src/adapters/tfjs/heap-rows.ts", "Heap"));
});
