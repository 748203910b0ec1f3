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
import { openFlat } from "../support/oracle/file.ts";
import { compareFile, EVERY } from "../support/oracle/kinds.ts";
import { exercise } from "./exercise.ts";
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
  for (const compiler of ["gcc", "clang"]) {
    wanted.push({ compiler, source: "a.c", options: ["-gdwarf-5", "-O2", "-gz"] });
    wanted.push({ compiler, source: "a.cc", options: ["-gdwarf-4", "-O2", "-fPIC", "-shared"] });
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
      const kind = build.options.includes("-shared") ? [] : ["-c"];
      const options = ["-g", ...build.options, ...kind, build.source, "-o", object];
      await run(build.compiler, options, { cwd: scratch });
      const split = build.options.includes("-gsplit-dwarf") ? [`${index}.dwo`] : [];
      files.set(
        build,
        [object, ...split].map((name) => join(scratch, name)),
      );
    }
  };
  await Promise.all([worker(), worker()]);
  // A kernel module is an object that ld makes of several.
  const parts = [
    ["gcc", "-gdwarf-5", "-c", "a.c", "-o", "one.o"],
    ["clang", "-gdwarf-4", "-Dfirst=second", "-c", "a.c", "-o", "two.o"],
    ["gcc", "-gdwarf-5", "-ffunction-sections", "-c", "a.cc", "-o", "three.o"],
  ];
  for (const [compiler = "", ...options] of parts) await run(compiler, ["-O2", ...options], { cwd: scratch });
  const objects = parts.map((part) => part.at(-1) ?? "");
  await run("ld", ["-r", "-z", "muldefs", ...objects, "-o", "module.ko"], { cwd: scratch });
});

async function differences(path: string): Promise<string[]> {
  const results = await compareFile(path, EVERY);
  expect(results.get("entries, readelf")?.lines).toBeGreaterThan(path.endsWith(".dwo") ? 100 : 5);
  return [...results].flatMap(([kind, result]) => result.differences.map((text) => `${kind}\n${text}`));
}

describe("objects are as readelf, elfutils and LLVM print them", () => {
  test.concurrent.each(BUILDS.map((build) => [build.name, build] as const))("%s", async (_, build) => {
    for (const path of files.get(build) ?? []) expect(await differences(path)).toEqual([]);
  });

  test("a module of units of several compilers and versions", async () => {
    expect(await differences(join(scratch, "module.ko"))).toEqual([]);
  });
});

test("lists whose entries have relocations, of a unit whose base has one, are refused: the sum is no place", async () => {
  // gcc gives a unit of several sections a base where DWARF 2, taken strictly, has no ranges; its lists don't count from it.
  const options = ["-g", "-gdwarf-2", "-gstrict-dwarf", "-O2", "-c", "a.c", "-o", "strict.o"];
  await run("gcc", options, { cwd: scratch });
  const object = join(scratch, "strict.o");
  const { stdout } = await run("readelf", ["-rW", object]);
  const lists = stdout.split("Relocation section '.rela.debug_loc'")[1]?.split("Relocation section")[0] ?? "";
  expect(lists).toMatch(/R_X86_64_64 .* \.init\.text \+/);
  const { refusals } = exercise(openFlat(object));
  expect(refusals.length).toBeGreaterThan(10);
  expect(new Set(refusals.map(({ code, place }) => `${code} ${place.section}`))).toEqual(
    new Set(["DWARF_BAD_RELOCATION .debug_loc"]),
  );
});
