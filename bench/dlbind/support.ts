/** What the measurements of `bench:dlbind` share. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Allocation, LiveObject } from "../../src/dlbind/index.ts";
import { SHF } from "../../src/elf/constants/section.ts";
import { callableAt } from "../../src/host/call.ts";
import { dlopen, dlsym, RTLD_NOW } from "../../src/host/dl.ts";
import { printColumns } from "../table.ts";

/** `lea eax, [rdi+rsi]; ret` */
const ADD = Uint8Array.from([0x8d, 0x04, 0x37, 0xc3]);

/** Allocates and binds one function, as a JIT compiler does. */
export function bindOne(lib: LiveObject, name: string): Allocation {
  const code = lib.alloc(32, SHF.SHF_EXECINSTR);
  code.write(ADD);
  lib.bind(name, code);
  return code;
}

/** Compiles a C file into a shared object and opens it. @returns its functions by C prototype */
export function compilePeer(
  source: string,
  output: string,
): (prototype: string) => (...args: unknown[]) => unknown {
  execFileSync("gcc", ["-O2", "-shared", "-fPIC", "-o", output, source]);
  const handle = dlopen(output, RTLD_NOW);
  return (prototype) => {
    const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? "";
    const address = dlsym(handle, name);
    if (address === undefined) throw new Error(`${output} has no ${name}`);
    return callableAt(address, prototype);
  };
}

/** Bytes that this process takes, pages with several mappings counted once (`Pss` of proc(5)). */
export function processBytes(): number {
  setFlagsFromString("--expose_gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1];
  return Number(pss) * 1024;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: string;
  readonly goal: string;
}

export function printTable(title: string, rows: readonly Row[]): void {
  printColumns(
    [title, "bindery", "peer", "ratio", "goal"],
    rows.map(({ what, ours, peer, ratio, goal }) => [what, ours, peer, ratio, goal]),
  );
}
