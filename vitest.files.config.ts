import { defineConfig } from "vitest/config";

// Tests on large files, which scripts/test-files.mjs runs: one at a time, since the readers compared with run beside it.
export default defineConfig({
  test: {
    include: ["test/{kernel,debugfiles,sources,remote}/**/*.test.ts"],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: "forks",
    fileParallelism: false,
  },
});
