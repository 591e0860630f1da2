/** Tests that need a GPU, another runtime, something installed as they run, the built package, or minutes. */
export const WHOLE = [
  "test/gpu/**",
  "test/interop/**",
  "test/trainer/**",
  "test/studio/page*.test.ts",
  "test/runtimes/**",
  "test/adapters/{frameworks,jax-*,tfjs,tfjs-*}.test.ts",
  "test/{babel,bundles,one-file,demo,package,readme,short-names,soak,tarball,ties,types,uniform}.test.ts",
  "test/routing/{devices,training}.test.ts",
];

/** The tests that need none of it. */
export const unit = { include: ["test/**/*.test.ts"], exclude: WHOLE };
