/**
 * Small objects of many kinds against readelf, elfutils and LLVM, everything in them: entries with all attribute values,
 * line rows, range and location lists, frames. Compilers, DWARF versions, formats, split units, type units, machines.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareFile, EVERY } from "../support/oracle/kinds.ts";
import { C, CXX } from "./matrix-sources.ts";

const run = promisify(execFile);

interface Build {
  readonly name: string;
  readonly compiler: string;
  readonly source: string;
  readonly options: readonly string[];
}

const VERSIONS = ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"];
const SHAPES = [
  ["-O0"],
  ["-O2", "-ffunction-sections"],
  ["-O2", "-fdebug-types-section"],
  ["-O1", "-gdwarf64"],
  ["-O2", "-gsplit-dwarf"],
];
const MACHINES = [
  ["x86_64-linux-gnu"],
  ["i386-linux-gnu"],
  ["aarch64-linux-gnu"],
  ["aarch64_be-linux-gnu"],
  ["armv7-linux-gnueabihf"],
  ["riscv64-linux-gnu"],
  ["riscv64-linux-gnu", "-mrelax"],
  ["riscv32-linux-gnu"],
  ["powerpc64le-linux-gnu"],
  ["powerpc64-linux-gnu", "-mabi=elfv2"],
  ["s390x-linux-gnu"],
  ["mips-linux-gnu"],
  ["mips64-linux-gnuabi64"],
  ["mips64el-linux-gnuabi64"],
];

function builds(): Build[] {
  const wanted: Omit<Build, "name">[] = [];
  for (const compiler of ["gcc", "clang"]) {
    for (const version of VERSIONS) {
      for (const shape of SHAPES) wanted.push({ compiler, source: "a.c", options: [version, ...shape] });
      wanted.push({ compiler, source: "a.cc", options: [version, "-O2", "-fdebug-types-section"] });
    }
    for (const version of ["-gdwarf-4", "-gdwarf-5"]) {
      wanted.push({ compiler, source: "a.cc", options: [version, "-O2", "-gsplit-dwarf"] });
      wanted.push({ compiler, source: "a.cc", options: [version, "-O1", "-ffunction-sections"] });
    }
  }
  for (const [machine, ...options] of MACHINES) {
    for (const version of ["-gdwarf-4", "-gdwarf-5"]) {
      const shape = ["-O2", "-ffunction-sections", "-fasynchronous-unwind-tables"];
      const target = [`--target=${machine}`, ...options];
      wanted.push({ compiler: "clang", source: "a.c", options: [...target, version, ...shape] });
    }
  }
  // The 64-bit format came with DWARF 3, and no compiler has it in 2 but gcc.
  const has64 = ({ compiler, options }: Omit<Build, "name">): boolean =>
    !(compiler === "clang" && options.includes("-gdwarf-2") && options.includes("-gdwarf64"));
  return wanted
    .filter(has64)
    .map((build) => ({ ...build, name: [build.compiler, build.source, ...build.options].join(" ") }));
}

const BUILDS = builds();
const files = new Map<Build, string[]>();
const scratch = mkdtempSync(join(tmpdir(), "bindery-matrix-"));
afterAll(() => rmSync(scratch, { recursive: true }));

beforeAll(async () => {
  writeFileSync(join(scratch, "a.c"), C);
  writeFileSync(join(scratch, "a.cc"), CXX);
  const left = BUILDS.entries();
  const worker = async (): Promise<void> => {
    for (const [index, build] of left) {
      const object = `${index}.o`;
      await run(build.compiler, ["-g", ...build.options, "-c", build.source, "-o", object], { cwd: scratch });
      const split = build.options.includes("-gsplit-dwarf") ? [`${index}.dwo`] : [];
      files.set(
        build,
        [object, ...split].map((name) => join(scratch, name)),
      );
    }
  };
  await Promise.all([worker(), worker()]);
});

describe("objects are as readelf, elfutils and LLVM print them", () => {
  test.concurrent.each(BUILDS.map((build) => [build.name, build] as const))("%s", async (_, build) => {
    for (const path of files.get(build) ?? []) {
      const results = await compareFile(path, EVERY);
      const differences = [...results].flatMap(([kind, result]) =>
        result.differences.map((text) => `${kind}\n${text}`),
      );
      expect(differences).toEqual([]);
      expect(results.get("entries, readelf")?.lines).toBeGreaterThan(path.endsWith(".o") ? 5 : 100);
    }
  });
});
