// Short names for what shaders declare. As in WGSL, a member of a struct is told from everything else by the dot before
// it, and what a function declares is known in that function alone. So the same few letters serve in all of them.

/**
 * A text of a file of gpu/. Those of "main" are in every shader.
 * @typedef {{ file: string, text: string }} Text
 */

/**
 * What a name stands for.
 * @typedef {object} Meaning
 * @property {string} name
 * @property {"global" | "local" | "member"} kind Known to the whole shader, to a function, or a member of a struct.
 * @property {Set<string>} within The files that declare it; of a local, the functions.
 * @property {number} times How often it is written.
 */

/** A word that may be a name, with the dot before it where there is one. Attributes are none. */
const WORD = /\.[a-z_]\w*|(?<![@\w])[a-z_]\w*/gi;

/** How each kind is declared. */
const DECLARED = {
  global: /\b(?:fn|struct|const|alias|override) (\w+)|\bvar<.*>(\w+):/g,
  local: /\b(?:let|var) (\w+)|(?<=[(,)\n])(\w+):/g,
  member: /^(\w+):/gm,
};

/**
 * These texts with short names for all that they declare, `kept` ones excepted.
 * @param {readonly Text[]} texts Dense: each line trimmed, nothing around punctuation.
 * @param {readonly string[]} kept
 * @returns {string[]}
 */
export function withShortNames(texts, kept) {
  const blocks = texts.flatMap(blocksOf);
  /** @type {Map<string, Meaning>} */
  const meanings = new Map();
  for (const { kind, text, file, id } of blocks) {
    /** @param {Meaning["kind"]} as @param {string} within */
    const declare = (as, within) => {
      for (const [, first, second] of text.matchAll(DECLARED[as])) {
        const name = first ?? second;
        const known = meanings.get(`${as} ${name}`);
        if (known) known.within.add(within);
        else meanings.set(`${as} ${name}`, { name, kind: as, within: new Set([within]), times: 0 });
      }
    };
    declare("global", file);
    if (kind === "struct") declare("member", file);
    if (kind === "fn") declare("local", id);
  }
  /** @param {string} word @param {Block} block */
  const meaningOf = (word, { kind, id }, next = "") => {
    if (word.startsWith(".")) return meanings.get(`member ${word.slice(1)}`);
    if (kind === "struct" && next === ":") return meanings.get(`member ${word}`);
    const local = meanings.get(`local ${word}`);
    return kind === "fn" && local?.within.has(id) ? local : meanings.get(`global ${word}`);
  };
  /** @param {(word: string, meaning: Meaning | undefined) => string} change */
  const changed = (change) =>
    blocks.map((block) =>
      block.text.replace(WORD, (word, at) =>
        change(word, meaningOf(word, block, block.text[at + word.length])),
      ),
    );
  /** Words of WGSL, and names that stay. */
  const others = new Set(kept);
  changed((word, meaning) => {
    if (meaning) meaning.times++;
    else others.add(word.replace(".", ""));
    return word;
  });
  const names = new Set([...meanings.values()].map(({ name }) => name));
  for (const name of kept) {
    if (name.length > 1 && !names.has(name))
      throw new Error(`no shader has the name "${name}", which is to be kept`);
  }
  const short = shortNames([...meanings.values()].filter(({ name }) => !kept.includes(name)));
  for (const name of short.values()) {
    if (others.has(name)) throw new Error(`the short name "${name}" is another word of the shaders`);
  }
  const result = changed((word, meaning) => {
    const name = meaning && short.get(meaning);
    return name === undefined ? word : word.startsWith(".") ? `.${name}` : name;
  });
  return texts.map((text) => blocks.flatMap(({ of }, i) => (of === text ? result[i] : [])).join(""));
}

/** @typedef {{ kind: "fn" | "struct" | "", text: string, file: string, id: string, of: Text }} Block */

/**
 * The functions of a text, its structs, and the lines between them.
 * @param {Text} of
 * @param {number} number
 * @returns {Block[]}
 */
function blocksOf(of, number) {
  /** @type {Block[]} */
  const blocks = [];
  let [open, depth] = [false, 0];
  for (const line of of.text.split(/(?<=\n)/)) {
    if (!open) {
      const kind = /^(@compute|fn\b)/.test(line) ? "fn" : line.startsWith("struct") ? "struct" : "";
      blocks.push({ kind, text: "", file: of.file, id: `${number}.${blocks.length}`, of });
      open = kind !== "";
    }
    blocks[blocks.length - 1].text += line;
    depth += line.split("{").length - line.split("}").length;
    if (line.includes("}") && depth === 0) open = false;
  }
  return blocks;
}

/**
 * A short name for each meaning, those that are written most often first: the first that no other one in reach has.
 * @param {Meaning[]} meanings
 */
function shortNames(meanings) {
  /** @type {Map<Meaning, string>} */
  const short = new Map();
  const ordered = meanings.sort((a, b) => b.times - a.times || (a.name < b.name ? -1 : 1));
  for (const meaning of ordered) {
    const taken = new Set([...short].filter(([other]) => clash(meaning, other)).map(([, name]) => name));
    let i = 0;
    while (taken.has(shortName(i))) i++;
    short.set(meaning, shortName(i));
  }
  return short;
}

/**
 * Whether two meanings can't have the same name.
 * @param {Meaning} a
 * @param {Meaning} b
 */
function clash(a, b) {
  if ((a.kind === "member") !== (b.kind === "member")) return false;
  if (a.kind !== b.kind) return true; // a global, and a local that would hide it
  if (a.kind !== "local" && (a.within.has("main") || b.within.has("main"))) return true;
  return [...a.within].some((place) => b.within.has(place));
}

/**
 * a to v, then a0 to v9: none is a word of WGSL.
 * @param {number} i
 */
function shortName(i) {
  const letter = String.fromCharCode(97 + (i % 22));
  return i < 22 ? letter : letter + Math.floor(i / 22 - 1);
}
