/** Claim: functions are allocated and bound at a rate that does not fall with their number. Peer: dlopen of one object each. */

import { execFileSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LiveObject } from "../../src/dlbind/index.ts";
import { median } from "../table.ts";
import { bindOne, processBytes, type Row } from "./support.ts";

const ROUNDS = 3;

/** @param timeDlopens `time_dlopens` of the C peer */
export function measureBind(scratch: string, timeDlopens: (paths: string, count: number) => number): Row[] {
  const rows: Row[] = [];
  const opened = new Map(
    [100, 1000].map((count) => [count, median(dlopenRates(scratch, count, timeDlopens))]),
  );
  for (const count of [100, 1_000, 10_000, 100_000, 1_000_000]) {
    const rounds: { rate: number; overhead: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(bindMany(count));
    const rate = median(rounds.map((r) => r.rate));
    const peer = opened.get(count);
    rows.push({
      what: `alloc + write + bind of ${count.toLocaleString("en")} functions, a second`,
      ours: Math.round(rate).toLocaleString("en"),
      peer: peer === undefined ? "" : `dlopen ${Math.round(peer).toLocaleString("en")}`,
      ratio: peer === undefined ? "" : `${(rate / peer).toFixed(1)}x`,
      goal: count === 1_000_000 ? ">= 500,000" : "",
    });
    if (count === 1_000_000) {
      rows.push({
        what: "  overhead a symbol beside its name and code, bytes",
        ours: median(rounds.map((r) => r.overhead)).toFixed(0),
        peer: "",
        ratio: "",
        goal: "<= 120",
      });
    }
  }
  return rows;
}

function bindMany(count: number): { rate: number; overhead: number } {
  const lib = LiveObject.create("bench", { symbols: Math.max(count, 1 << 10) });
  const before = processBytes();
  const from = performance.now();
  let names = 0;
  for (let i = 0; i < count; i++) {
    const name = `function_${i}`;
    names += name.length + 1;
    bindOne(lib, name);
  }
  const seconds = (performance.now() - from) / 1000;
  const overhead = (processBytes() - before - names) / count - 32;
  lib.delete();
  return { rate: count / seconds, overhead };
}

function dlopenRates(
  scratch: string,
  count: number,
  timeDlopens: (paths: string, count: number) => number,
): number[] {
  const source = join(scratch, "add.c");
  const built = join(scratch, "add.so");
  writeFileSync(source, "int add(int a, int b) { return a + b; }\n");
  execFileSync("gcc", ["-O2", "-shared", "-fPIC", "-nostdlib", "-o", built, source]);
  return Array.from({ length: ROUNDS }, (_, round) => {
    const paths = Array.from({ length: count }, (_, i) => join(scratch, `add-${count}-${round}-${i}.so`));
    for (const path of paths) copyFileSync(built, path);
    const seconds = timeDlopens(`${paths.join("\0")}\0`, count);
    if (seconds < 0) throw new Error("the peer could not open its objects");
    return count / seconds;
  });
}
