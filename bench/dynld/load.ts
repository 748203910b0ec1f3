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
  const head = ["first", "ns/rel.", "dlopen", "ratio", "goal", "ld + dlopen", "ratio"];
  printColumns(["Loading, ms", "relocations", "MB", "bindery", ...head], rows);
}

function rowOf(what: string, pair: Pair, rounds: number): string[] {
  const times = pair.relocations < SMALL ? rounds * MORE : rounds;
  const output = execFileSync(
    process.execPath,
    [fileURLToPath(import.meta.url), resolve(pair.object), resolve(pair.shared), String(times)],
    { encoding: "utf8" },
  );
  const { first, module, dlopen: peer } = JSON.parse(output) as Times;
  return [
    what,
    `${pair.relocations.toLocaleString("en")} (${pair.dynamic.toLocaleString("en")})`,
    (statSync(pair.object).size / 2 ** 20).toFixed(1),
    module.toFixed(2),
    first.toFixed(0),
    ((module * 1e6) / pair.relocations).toFixed(0),
    peer.toFixed(2),
    `${(module / peer).toFixed(1)}x`,
    "<= 3x",
    (pair.linked + peer).toFixed(0),
    `${(module / (pair.linked + peer)).toFixed(2)}x`,
  ];
}

/** A process of its own for each pair: what it loaded before would matter. */
function child(object: string, shared: string, rounds: number): void {
  const table = new ExportTable().addLibrary("libc.so.6").addLibrary("libm.so.6");
  const ours: number[] = [];
  const peers: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const from = performance.now();
    const module = NativeModule.open(object, { table });
    ours.push(performance.now() - from);
    module.unload();
    const then = performance.now();
    const handle = dlopen(shared, RTLD_NOW);
    peers.push(performance.now() - then);
    dlclose(handle);
  }
  const [first = Number.NaN, ...later] = ours;
  const times: Times = { first, module: median(later), dlopen: median(peers.slice(1)) };
  console.log(JSON.stringify(times));
}

const [, script, object, shared, rounds] = process.argv;
if (script === fileURLToPath(import.meta.url)) child(object ?? "", shared ?? "", Number(rounds));
