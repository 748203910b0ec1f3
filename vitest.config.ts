import { defineConfig } from "vitest/config";

// What takes large files and minutes runs by itself: scripts/test-files.mjs.
const LARGE = ["test/{kernel,debugfiles,sources,remote}/**"];

/** What takes long and is not for every day: `npm run test:all` has all of them, `npm test -- --project NAME` one. */
const OTHERS = {
  debuggers: ["test/dlbind/{debugger,perf}/**/*.test.ts", "test/dynld/debugger/**/*.test.ts"],
  damage: ["test/**/*mutation.test.ts", "test/**/*damage.test.ts"],
  house: ["test/house/**/*.test.ts"],
};

export default defineConfig({
  test: {
    // For a test that hangs; others may have the machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The tests drive real debuggers and real processes; a forked process each keeps a crash in one file.
    pool: "forks",
    // A file for each processor, where vitest leaves one idle: no test measures time, or needs the machine for itself.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        test: {
          name: "everyday",
          include: ["test/**/*.test.ts"],
          exclude: [...LARGE, ...Object.values(OTHERS).flat()],
        },
      },
      ...Object.entries(OTHERS).map(([name, include]) => ({
        extends: true as const,
        test: { name, include, exclude: LARGE },
      })),
    ],
  },
});
