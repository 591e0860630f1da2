/** Races kept in this browser: what they were, how they went, and their last state, to go on from. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { LANES, type Settings } from "./settings.ts";
import type { LaneSeries } from "./worker/protocol.ts";

/** A race as it is kept. */
export interface KeptRace {
  readonly id: string;
  /** When it began, milliseconds since 1970. */
  readonly begun: number;
  readonly settings: Settings;
  /** Which machine trained: "wasm" or "webgpu". */
  readonly backend: string;
  readonly series: readonly LaneSeries[];
  /** The words of the verdict. */
  readonly verdict: string;
  /** The fingerprint of the tokens drawn. */
  readonly fingerprint: string;
  readonly done: boolean;
}

interface Schema extends DBSchema {
  races: { key: string; value: KeptRace };
  states: { key: string; value: Uint8Array };
}

/** A name for a race that no other has. `crypto.randomUUID` is missing where a page comes over plain HTTP. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");
}

/** Where races are kept. */
export interface Storage {
  /** Why nothing outlives this page, where the browser refuses; undefined where it keeps. */
  readonly refused?: string;
  list(): Promise<KeptRace[]>;
  keep(race: KeptRace, state?: Uint8Array): Promise<void>;
  /** The state to go on from; undefined where there is none. */
  stateOf(id: string): Promise<Uint8Array | undefined>;
  forget(id: string): Promise<void>;
}

/** Opens the browser's database, or a stand-in that forgets with the page where the browser refuses. */
export async function openStorage(name = "random-ltd-studio"): Promise<Storage> {
  try {
    const db = await openDB<Schema>(name, 1, {
      upgrade(db) {
        db.createObjectStore("races", { keyPath: "id" });
        db.createObjectStore("states");
      },
    });
    return inDatabase(db);
  } catch (error) {
    return inMemory(error instanceof Error ? error.message : String(error));
  }
}

function inDatabase(db: IDBPDatabase<Schema>): Storage {
  return {
    list: async () => (await db.getAll("races")).sort((a, b) => b.begun - a.begun),
    async keep(race, state) {
      const transaction = db.transaction(["races", "states"], "readwrite");
      // Both or neither: a state of another moment than its series would go on wrongly.
      await Promise.all([
        transaction.objectStore("races").put(race),
        state && transaction.objectStore("states").put(state, race.id),
        transaction.done,
      ]);
    },
    stateOf: (id) => db.get("states", id),
    async forget(id) {
      await Promise.all([db.delete("races", id), db.delete("states", id)]);
    },
  };
}

function inMemory(refused: string): Storage {
  const races = new Map<string, KeptRace>();
  const states = new Map<string, Uint8Array>();
  return {
    refused,
    list: async () => [...races.values()].sort((a, b) => b.begun - a.begun),
    async keep(race, state) {
      races.set(race.id, race);
      if (state) states.set(race.id, state);
    },
    stateOf: async (id) => states.get(id),
    async forget(id) {
      races.delete(id);
      states.delete(id);
    },
  };
}

/** What an exported file begins with. */
const FORMAT = "random-ltd studio race";

/** A race as the text of a file: everything but its weights. */
export function toFile(race: KeptRace): string {
  return JSON.stringify({ format: FORMAT, version: 1, race });
}

/**
 * A race out of a file's text, under a new id.
 * @throws Error with a sentence for the visitor where the text is no such file.
 */
export function fromFile(text: string): KeptRace {
  let found: { format?: unknown; version?: unknown; race?: KeptRace };
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON.");
  }
  if (found?.format !== FORMAT || found.version !== 1)
    throw new Error("This file holds no race of this page.");
  const { race } = found;
  const whole =
    typeof race?.begun === "number" &&
    typeof race.settings?.task === "string" &&
    Array.isArray(race.series) &&
    race.series.every(isSeries);
  if (!whole) throw new Error("This file's race is damaged.");
  return { ...race, id: newId() };
}

function isSeries(value: unknown): value is LaneSeries {
  const series = value as Partial<LaneSeries> | null;
  const steps = Object.values(series?.steps ?? {});
  return (
    (LANES as readonly unknown[]).includes(series?.lane) &&
    steps.length > 0 &&
    steps.every((list) => Array.isArray(list)) &&
    Array.isArray(series?.held)
  );
}
