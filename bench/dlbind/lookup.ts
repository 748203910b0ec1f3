/** Claim: dlsym in an object with a million names is within twice what it takes in libc's own table. */
import { readFileSync } from "node:fs";
import { LiveObject } from "../../src/dlbind/index.ts";
import { STT } from "../../src/elf/constants/symbol.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { dlopen, dlsym, linkMapOf, RTLD_LAZY } from "../../src/host/dl.ts";
import { median } from "../table.ts";
import { bindOne, type Row } from "./support.ts";

const COUNT = 1_000_000;
const LOOKUPS = 2_000_000;
const ROUNDS = 5;

type TimeLookups = (handle: bigint, names: Buffer, count: number, lookups: number) => number;

/**
 * The peer's names fit in a cache, and a million do not, whatever the table: to ask for all of them at random, the loop
 * alone waits for memory. So the claim is about as many distinct names as the peer has, of a million bound; the second
 * row shows all of them, beside the loop alone.
 */
export function measureLookup(timeLookups: TimeLookups): Row[] {
  const libc = dlopen("libc.so.6", RTLD_LAZY);
  const libcNames = functionNames(libc);
  const lib = LiveObject.create("lookup", { symbols: COUNT });
  const names = Array.from({ length: COUNT }, (_, i) => `function_${i}`);
  for (const name of names) bindOne(lib, name);
  const stride = 7919;
  const some = libcNames.map((_, i) => names[(i * stride) % COUNT] ?? "");
  const ours: number[] = [];
  const peers: number[] = [];
  const all: number[] = [];
  const loop: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(time(timeLookups, lib.handle, some));
    peers.push(time(timeLookups, libc, libcNames));
    all.push(time(timeLookups, lib.handle, names));
    loop.push(time(timeLookups, 0n, names));
  }
  lib.delete();
  const row = (what: string, own: number[], peer: number[], label: string, goal: string): Row => ({
    what,
    ours: median(own).toFixed(0),
    peer: `${label} ${median(peer).toFixed(0)}`,
    ratio: `${(median(own) / median(peer)).toFixed(2)}x`,
    goal,
  });
  const bound = COUNT.toLocaleString("en");
  return [
    row(
      `dlsym in C, ${some.length} random names of ${bound} bound, ns`,
      ours,
      peers,
      `libc's ${some.length}`,
      "<= 2x",
    ),
    row(`dlsym in C, all ${bound} names at random, ns`, all, loop, "reading the names alone", ""),
  ];
}

function time(timeLookups: TimeLookups, handle: bigint, names: readonly string[]): number {
  const nanoseconds = timeLookups(handle, Buffer.from(`${names.join("\0")}\0`), names.length, LOOKUPS);
  if (nanoseconds < 0) throw new Error("a name was not found");
  return nanoseconds;
}

/** Names of functions that dlsym finds in libc. */
function functionNames(libc: bigint): string[] {
  const path = linkMapOf(libc).name;
  const symbols = ElfFile.open(readFileSync(path), { name: path }).dynsym();
  const names = new Set<string>();
  for (const symbol of symbols ?? []) {
    if (symbol.type === STT.STT_FUNC && dlsym(libc, symbol.name) !== undefined) names.add(symbol.name);
  }
  return [...names];
}
