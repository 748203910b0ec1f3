/**
 * Claim: telling an attached gdb of new functions costs a fraction of what the plain GDB JIT interface costs.
 *
 * Each measurement runs in a process of its own, to which a gdb of its own is attached: `node publish.js KIND COUNT`.
 * Peer: one object for each function, registered one at a time and never taken back, as JIT compilers do it.
 */
import { spawn, spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { LiveObject } from "../../src/dlbind/index.ts";
import { ENTRY_SIZE, entryAt, Registrar } from "../../src/dlbind/notify/registrar.ts";
import { ET } from "../../src/elf/constants/header.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { SHF, SHT } from "../../src/elf/constants/section.ts";
import { STT } from "../../src/elf/constants/symbol.ts";
import { writeElf } from "../../src/elf/write/write.ts";
import { copyTo, malloc } from "../../src/host/memory.ts";
import { median } from "../table.ts";
import { bindOne, type Row } from "./support.ts";

type Kind = "plain" | "batch" | "each" | "silent";

export function measurePublish(): Row[] {
  const rows: Row[] = [];
  const seconds = (kind: Kind, count: number, rounds: number): number =>
    median(Array.from({ length: rounds }, () => run(kind, count)));
  const plain = new Map([500, 1000, 2000, 4000, 10_000].map((count) => [count, seconds("plain", count, 1)]));
  for (const count of [500, 1000, 2000, 4000, 10_000]) {
    const peer = plain.get(count) ?? Number.NaN;
    const ours = seconds("each", count, 1);
    rows.push({
      what: `gdb attached: ${count.toLocaleString("en")} publishes of one function each, s`,
      ours: ours.toFixed(2),
      peer: `plain JIT interface ${peer.toFixed(2)}`,
      ratio: `${(peer / ours).toFixed(1)}x`,
      goal: count === 10_000 ? ">= 10x" : "",
    });
  }
  const peer = plain.get(10_000) ?? Number.NaN;
  const batch = seconds("batch", 10_000, 3);
  rows.push({
    what: "gdb attached: 10,000 functions in one publish, s",
    ours: batch.toFixed(3),
    peer: `plain JIT interface ${peer.toFixed(2)}`,
    ratio: `${(peer / batch).toFixed(0)}x`,
    goal: ">= 500x",
  });
  const silent = seconds("silent", 10_000, 3);
  rows.push({
    what: "nobody listens: alloc, bind and publish of one function, microseconds",
    ours: ((silent / 10_000) * 1e6).toFixed(1),
    peer: "",
    ratio: "",
    goal: "next to nothing",
  });
  return rows;
}

function run(kind: Kind, count: number): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), kind, String(count)],
    {
      encoding: "utf8",
    },
  );
  const seconds = Number(/^seconds (\S+)$/m.exec(stdout)?.[1]);
  if (Number.isNaN(seconds)) throw new Error(`${kind} ${count}: no result\n${stdout}\n${stderr}`);
  return seconds;
}

/** An object file with one function at its final address. */
function oneFunctionObject(name: string, address: bigint): Uint8Array {
  const size = 32;
  return writeElf({
    type: ET.ET_EXEC,
    machine: EM.EM_X86_64,
    sections: [
      { name: ".text", type: SHT.SHT_NOBITS, flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR, addr: address, size },
      {
        name: ".symtab",
        type: SHT.SHT_SYMTAB,
        symbols: [{ name, section: ".text", value: address, size, type: STT.STT_FUNC }],
      },
    ],
  });
}

async function attachGdb(registrar: Registrar): Promise<() => void> {
  const gdb = spawn("gdb", ["-q", "-nx", "-batch", "-p", String(process.pid), "-ex", "continue"], {
    stdio: "ignore",
  });
  while (!registrar.isListening) {
    if (gdb.exitCode !== null) throw new Error("gdb did not stay attached");
    await sleep(50);
  }
  return () => gdb.kill("SIGKILL");
}

async function child(kind: Kind, count: number): Promise<void> {
  const lib = LiveObject.create("bench", { symbols: Math.max(count + 1, 1 << 10) });
  lib.publish();
  const registrar = Registrar.acquire();
  if (kind !== "silent") await attachGdb(registrar);
  lib.publish();
  const from = performance.now();
  if (kind === "batch") for (let i = 0; i < count; i++) bindOne(lib, `function_${i}`);
  const bound = performance.now();
  if (kind === "batch") lib.publish();
  else if (kind === "plain") for (let i = 0; i < count; i++) registerPlainly(registrar, lib, `function_${i}`);
  else
    for (let i = 0; i < count; i++) {
      bindOne(lib, `function_${i}`);
      lib.publish();
    }
  console.log(`seconds ${(performance.now() - (kind === "batch" ? bound : from)) / 1000}`);
  process.kill(process.pid, "SIGKILL");
}

function registerPlainly(registrar: Registrar, lib: LiveObject, name: string): void {
  const code = lib.alloc(32, SHF.SHF_EXECINSTR);
  const object = oneFunctionObject(name, code.address);
  const at = malloc(ENTRY_SIZE + object.length);
  copyTo(at + BigInt(ENTRY_SIZE), object);
  registrar.register(entryAt(at), at + BigInt(ENTRY_SIZE), object.length);
}

const [, script, kind, count] = process.argv;
if (script === fileURLToPath(import.meta.url)) await child(kind as Kind, Number(count));
