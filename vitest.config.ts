import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What takes large files and minutes runs by itself: scripts/test-files.mjs.
    exclude: ["test/kernel/**", "test/debugfiles/**", "test/sources/**", "test/remote/**"],
    // For a test that hangs; others may have the machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The tests drive real debuggers and real processes; a forked process each keeps a crash in one file.
    pool: "forks",
    // A file for each processor, where vitest leaves one idle: no test measures time, or needs the machine for itself.
    maxWorkers: "100%",
  },
});
