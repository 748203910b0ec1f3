/** Claim: a module is loaded in at most three times what dlopen takes with the same code, linked; in linear time. */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ExportTable, NativeModule } from "../../src/dynld/index.ts";
import { dlclose, dlopen, RTLD_NOW } from "../../src/host/dl.ts";
import { median, printColumns } from "../table.ts";
import { compiled, generated, type Pair } from "./objects.ts";

/** Small objects are loaded this many times as often: they take less, and our code is compiled only after some loads. */
const MORE = 10;
const SMALL = 20_000;

const SIZES = [1_000, 10_000, 100_000, 1_000_000];

/** Milliseconds. */
interface Times {
  /** The first load of a process, which compiles our code as it goes. */
  readonly first: number;
  readonly object: number;
  readonly module: number;
  readonly dlopen: number;
}

/** @param sqlite the folder of its amalgamation @param rounds in each of which both load once */
export function measureLoads(sqlite: string, rounds: number): void {
  const rows = (["calls", "pointers"] as const).flatMap((shape) =>
    SIZES.map((size) => rowOf(shape, generated(shape, size), rounds)),
  );
  const source = join(sqlite, "sqlite3.c");
  const options = ["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"];
  rows.push(rowOf("SQLite -O2", compiled("sqlite", source, ["-O2", ...options]), rounds));
  rows.push(rowOf("SQLite -O2 -g", compiled("sqlite-g", source, ["-O2", "-g", ...options]), rounds));
  const head = ["dlopen", "ratio", "goal", "object", "first", "ns/rel.", "ld + dlopen", "ratio"];
  printColumns(["Loading, ms", "relocations", "MB", "module", ...head], rows);
}

function rowOf(what: string, pair: Pair, rounds: number): string[] {
  const times = pair.relocations < SMALL ? rounds * MORE : rounds;
  const output = execFileSync(
    process.execPath,
    [
      fileURLToPath(import.meta.url),
      ...[pair.object, pair.module, pair.shared].map((path) => resolve(path)),
      `${times}`,
    ],
    { encoding: "utf8" },
  );
  const { first, object, module, dlopen: peer } = JSON.parse(output) as Times;
  return [
    what,
    `${pair.relocations.toLocaleString("en")} (${pair.dynamic.toLocaleString("en")})`,
    (statSync(pair.object).size / 2 ** 20).toFixed(1),
    module.toFixed(2),
    peer.toFixed(2),
    `${(module / peer).toFixed(1)}x`,
    "<= 3x",
    object.toFixed(2),
    first.toFixed(0),
    ((object * 1e6) / pair.relocations).toFixed(0),
    (pair.linked + peer).toFixed(0),
    `${(object / (pair.linked + peer)).toFixed(2)}x`,
  ];
}

/**
 * A process of its own for each: what it loaded before would matter. Another module stays loaded, as in a program that has
 * several: with the first one comes what debuggers listen at.
 */
function child(object: string, made: string, shared: string, rounds: number): void {
  const table = new ExportTable().addLibrary("libc.so.6").addLibrary("libm.so.6");
  const times = { object: [] as number[], module: [] as number[], dlopen: [] as number[] };
  const timed = (into: number[], path: string): NativeModule => {
    const from = performance.now();
    const module = NativeModule.open(path, { table });
    into.push(performance.now() - from);
    return module;
  };
  const first: number[] = [];
  using _ = timed(first, object);
  for (let round = 0; round < rounds; round++) {
    timed(times.object, object).unload();
    timed(times.module, made).unload();
    const from = performance.now();
    const handle = dlopen(shared, RTLD_NOW);
    times.dlopen.push(performance.now() - from);
    dlclose(handle);
  }
  const result: Times = {
    first: first[0] ?? Number.NaN,
    object: median(times.object),
    module: median(times.module),
    dlopen: median(times.dlopen),
  };
  console.log(JSON.stringify(result));
}

const [, script, object = "", made = "", shared = "", rounds] = process.argv;
if (script === fileURLToPath(import.meta.url)) child(object, made, shared, Number(rounds));
