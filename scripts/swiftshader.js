// A WebGPU without a GPU, from npm packages alone: SwiftShader's Vulkan and a Chromium out of @sparticuz/chromium,
// unpacked under node_modules/.cache. Linux on x64 only, which is what that package holds.
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const PACKAGE = "@sparticuz/chromium";
// Looked for upward from here, since a bundle of this file lies in another folder.
const folders = createRequire(import.meta.url).resolve.paths(PACKAGE) ?? [];
const packages = folders.find((folder) => existsSync(join(folder, PACKAGE))) ?? folders[0];
const packed = join(packages, PACKAGE);

/** Why there is no software WebGPU on this machine, or undefined where there is one. */
export function whyNot() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `@sparticuz/chromium is for Linux on x64, not ${process.platform} on ${process.arch}`;
  }
  return existsSync(packed) ? undefined : "@sparticuz/chromium is not installed";
}

/**
 * The files of a tar archive, name and contents. It holds nothing but folders and plain files with short names.
 * @param {Buffer} tar
 */
function* untar(tar) {
  /** @type {(from: number, to: number) => string} */
  const text = (from, to) => tar.toString("latin1", from, to).replace(/\0.*/s, "");
  for (let at = 0; tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    const name = text(at, at + 100);
    if (!name.endsWith("/")) yield { name, contents: tar.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/**
 * Unpacks archives of a package into one folder, once a version; processes that race each rename a whole one.
 * @param {string} name
 * @param {string[]} archives
 * @param {string} from The package's folder.
 */
function unpacked(name, archives, from) {
  const { version } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  const folder = join(packages, ".cache/random-ltd", `chromium-${version}`, name);
  if (existsSync(folder)) return folder;
  const making = `${folder}-${randomUUID()}`;
  for (const archive of archives) {
    const bytes = brotliDecompressSync(readFileSync(join(from, "bin", archive)));
    const files = archive.endsWith(".tar.br") ? untar(bytes) : [{ name: "chromium", contents: bytes }];
    for (const { name: file, contents } of files) {
      mkdirSync(dirname(join(making, file)), { recursive: true });
      writeFileSync(join(making, file), contents, { mode: 0o755 });
    }
  }
  try {
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** The folder of SwiftShader's Vulkan and its ICD file. */
export function swiftShaderFolder() {
  return unpacked("swiftshader", ["swiftshader.tar.br"], packed);
}

/** Lets this process's Vulkan be SwiftShader: to be called before `webgpu` is imported. */
export function loadSwiftShader() {
  const folder = swiftShaderFolder();
  process.env.VK_ICD_FILENAMES = join(folder, "vk_swiftshader_icd.json");
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, join(folder, "libvulkan.so.1"), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // It is loaded by now: Node only misses the registration that its own modules make.
    if (!/did not self-register/.test(String(error))) throw error;
  }
}

/**
 * How playwright-core launches the package's Chromium with WebGPU over SwiftShader.
 * @param {string} [from] The folder of the package, if another version than the one of the tests.
 * @returns {import("playwright-core").LaunchOptions}
 */
export function chromiumLaunch(from = packed) {
  // Libraries that a bare Linux lacks; older versions call them by another name.
  const libraries = ["al2023.tar.br", "aws.tar.br"].filter((file) => existsSync(join(from, "bin", file)));
  const folder = unpacked("chromium", ["chromium.br", "swiftshader.tar.br", ...libraries.slice(0, 1)], from);
  return {
    executablePath: join(folder, "chromium"),
    env: { ...process.env, LD_LIBRARY_PATH: join(folder, "lib") },
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
    ],
  };
}
