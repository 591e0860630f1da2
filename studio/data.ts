/** The data that ship with the page: fetched beside it, unpacked by the browser, kept while the page is open. */
import type { TaskName } from "./settings.ts";

const FILES: Readonly<Record<TaskName, string | null>> = {
  arrows: null,
  digits: "digits.dat",
  text: "text.dat",
};

const fetched = new Map<string, Promise<ArrayBuffer>>();

/**
 * The data of a task; undefined for *arrows*, which is made as it goes.
 * @throws Error with a sentence for the visitor where they can't be had.
 */
export async function dataOf(task: TaskName): Promise<ArrayBuffer | undefined> {
  const file = FILES[task];
  if (file === null) return undefined;
  const found = fetched.get(file) ?? load(file);
  fetched.set(file, found);
  try {
    return await found;
  } catch (error) {
    fetched.delete(file);
    throw error;
  }
}

async function load(file: string): Promise<ArrayBuffer> {
  const response = await fetch(new URL(file, document.baseURI));
  if (!response.ok)
    throw new Error(
      `The data of this task could not be loaded (${file}: ${response.status}). Start tries again.`,
    );
  const bytes = await response.arrayBuffer();
  const [a, b] = new Uint8Array(bytes);
  const packed = a === 0x1f && b === 0x8b; // some servers unpack it on the way
  if (!packed) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
