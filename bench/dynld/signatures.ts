/** Signatures of all exported functions a second, against tools that read the same types: abidw, and pahole making BTF. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { TypedFile } from "../../src/dynld/index.ts";
import { median, printColumns } from "../table.ts";
import { compiled } from "./objects.ts";

/** A tool that goes through the types of one file. */
interface Tool {
  readonly name: string;
  readonly command: (path: string, output: string) => readonly string[];
}

const ABIDW: Tool = {
  name: "abidw",
  command: (path) => ["abidw", "--no-show-locs", "--out-file", "/dev/null", path],
};
const PAHOLE: Tool = {
  name: "pahole (BTF)",
  command: (path, output) => ["pahole", `--btf_encode_detached=${output}`, path],
};

/** Every tenth of the kernel's modules: all of them take minutes. */
const STRIDE = 10;

interface Counted {
  readonly functions: number;
  readonly signed: number;
  readonly seconds: number;
}

/** @param modules of a kernel @param sqlite the folder of its amalgamation @param scratch for what tools write */
export function measureSignatures(
  modules: readonly string[],
  sqlite: string,
  scratch: string,
  rounds: number,
): void {
  const library = compiled("sqlite-g", join(sqlite, "sqlite3.c"), [
    "-O2",
    "-g",
    "-DSQLITE_THREADSAFE=0",
    "-DSQLITE_OMIT_LOAD_EXTENSION",
  ]).shared;
  const some = modules.filter((_, index) => index % STRIDE === 0);
  // libabigail does not read modules whose relocations are in place still.
  const rows = [
    rowOf("SQLite's shared object", [library], [ABIDW, PAHOLE], scratch, rounds),
    rowOf(`${some.length} kernel modules`, some, [PAHOLE], scratch, Math.min(rounds, 3)),
  ];
  printColumns(["Signing", "functions", "signed", "seconds", "a second", ABIDW.name, PAHOLE.name], rows);
}

function rowOf(
  what: string,
  paths: readonly string[],
  tools: readonly Tool[],
  scratch: string,
  rounds: number,
): string[] {
  const ours: Counted[] = [];
  const peers = new Map(tools.map((tool) => [tool.name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    ours.push(signAll(paths));
    for (const tool of tools) peers.get(tool.name)?.push(runAll(tool, paths, scratch));
  }
  const [{ functions, signed } = { functions: 0, signed: 0 }] = ours;
  const seconds = median(ours.map((one) => one.seconds));
  const peer = ({ name }: Tool): string => {
    const found = peers.get(name);
    if (found === undefined) return "";
    const time = median(found);
    return `${time.toFixed(2)} s (${(time / seconds).toFixed(2)}x)`;
  };
  return [
    what,
    functions.toLocaleString("en"),
    signed.toLocaleString("en"),
    seconds.toFixed(2),
    Math.round(signed / seconds).toLocaleString("en"),
    peer(ABIDW),
    peer(PAHOLE),
  ];
}

/** Opens each file, and signs each function that it exports. */
function signAll(paths: readonly string[]): Counted {
  let [functions, signed] = [0, 0];
  const from = performance.now();
  for (const path of paths) {
    using file = TypedFile.openLocal(path);
    for (const { kind, typed } of file.typedExports()) {
      if (kind !== "function") continue;
      functions++;
      if (typed === undefined) continue;
      file.signature(typed);
      signed++;
    }
  }
  return { functions, signed, seconds: (performance.now() - from) / 1000 };
}

/** Runs a tool on each file, with the start of its process. @returns seconds */
function runAll({ name, command }: Tool, paths: readonly string[], scratch: string): number {
  const from = performance.now();
  for (const path of paths) {
    const output = join(scratch, "output.btf");
    const [program = "", ...args] = command(path, output);
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} ${path} (${statSync(path).size} bytes): ${stderr}`);
  }
  return (performance.now() - from) / 1000;
}
