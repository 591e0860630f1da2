/** Names that are shorter in the package than in the source: nothing that a caller, or another copy, may meet. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { coreNames, MEMBERS, shortCore, withNames } from "../scripts/short-names.js";

const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, ".");
const program = ts.createProgram(fileNames, options);
const checker = program.getTypeChecker();
const SRC = join(process.cwd(), "src/");
const short = new Set([...MEMBERS, ...Object.keys(coreNames())]);

const isOurs = (symbol: ts.Symbol) =>
  symbol.declarations?.every((node) => node.getSourceFile().fileName.startsWith(SRC)) ?? false;

/** Each place of src where a member is named, and what it belongs to. */
function* members(node: ts.Node): Generator<[name: string, symbol: ts.Symbol | undefined, node: ts.Node]> {
  if (ts.isPropertyAccessExpression(node)) {
    yield [node.name.text, checker.getSymbolAtLocation(node.name), node];
  } else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
    const name = node.propertyName ?? node.name;
    const from = checker.getTypeAtLocation(node.parent);
    if (ts.isIdentifier(name)) yield [name.text, from.getProperty(name.text), node];
  } else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) {
    if (ts.isStringLiteral(node.left)) yield [node.left.text, undefined, node];
  }
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* members(child);
}

test("are of members that src declares, and never named in quotes", () => {
  const seen = new Set<string>();
  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(SRC)) continue;
    for (const [name, symbol, node] of members(file)) {
      if (!short.has(name)) continue;
      seen.add(name);
      expect(symbol !== undefined && isOurs(symbol), `${file.fileName}: ${node.getText()}`).toBe(true);
    }
  }
  expect([...short].filter((name) => !seen.has(name))).toEqual([]);
});

/** Every member that a type leads to, by members, parameters and results. */
function reachable(type: ts.Type, found: Map<string, ts.Symbol>, visited: Set<ts.Type>): void {
  if (visited.has(type)) return;
  visited.add(type);
  if (type.isUnionOrIntersection()) for (const part of type.types) reachable(part, found, visited);
  for (const argument of checker.getTypeArguments(type as ts.TypeReference))
    reachable(argument, found, visited);
  for (const property of type.getProperties()) {
    if (!isOurs(property)) continue;
    found.set(property.name, property);
    reachable(checker.getTypeOfSymbol(property), found, visited);
  }
  for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
    for (const parameter of signature.parameters)
      reachable(checker.getTypeOfSymbol(parameter), found, visited);
    reachable(signature.getReturnType(), found, visited);
  }
}

test("are of nothing that what an entry exports leads to", () => {
  const found = new Map<string, ts.Symbol>();
  const visited = new Set<ts.Type>();
  for (const entry of ["index.ts", "webgpu.ts", "adapters/jax.ts", "adapters/tfjs.ts"]) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(SRC, entry))!)!;
    for (const exported of checker.getExportsOfModule(module)) {
      const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (target.flags & ts.SymbolFlags.Value) reachable(checker.getTypeOfSymbol(target), found, visited);
      if (target.flags & ts.SymbolFlags.Type)
        reachable(checker.getDeclaredTypeOfSymbol(target), found, visited);
    }
  }
  // What tensors carry to another copy of the library is among what was found.
  expect([...found.keys()]).toEqual(
    expect.arrayContaining(["operations", "rowBytes", "maskBatch", "isDisposed"]),
  );
  expect([...short].filter((name) => found.has(name))).toEqual([]);
});

test.each(["core", "sampling"])("of the %s's exports change nothing else of it", async (name) => {
  const bytes = readFileSync(`build/${name}.wasm`);
  const names = coreNames();
  const renamed = shortCore(name);
  const exports = (module: Uint8Array) =>
    WebAssembly.Module.exports(new WebAssembly.Module(Buffer.from(module)));
  expect(exports(renamed)).toEqual(
    exports(bytes).map((exported) => ({ ...exported, name: names[exported.name] ?? exported.name })),
  );
  const back = Object.fromEntries(Object.entries(names).map(([long, letter]) => [letter, long]));
  expect(Buffer.from(withNames(renamed, back)).equals(bytes)).toBe(true);
});
