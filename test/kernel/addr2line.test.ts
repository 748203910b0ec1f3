/** `bindery addr2line` on a real kernel and its largest module: 10,000 random addresses each, against GNU and LLVM. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { sep } from "node:path";
import { describe, expect, it } from "vitest";
import { bindery } from "../cli/run.ts";
import {
  gnuExcuse,
  type Judged,
  llvmExcuse,
  parseShown,
  parseSymbols,
  type Shown,
  type ShownFrame,
  type ShownSymbol,
} from "../support/addr2line-verdict.ts";
import { Random } from "../support/elf-random.ts";

const files: { vmlinux: string; modules: string[] } = JSON.parse(
  readFileSync(process.env.BINDERY_FILES ?? "", "utf8"),
);
const xfs = files.modules.find((path) => path.includes(`${sep}xfs.ko`)) ?? "";

function run(program: string, args: readonly string[], input = ""): string {
  return execFileSync(program, args, { input, encoding: "utf8", maxBuffer: 1 << 28, stdio: "pipe" });
}

/** Addresses of a section, or offsets in it, and what the rules need to know of the file. */
function question(file: string, section: string): { input: string; judged: Judged; symbols: ShownSymbol[] } {
  const sections = run("readelf", ["-SW", file]);
  const row = new RegExp(`\\[ *(\\d+)\\] ${section.replaceAll(".", "\\.")} +PROGBITS +(\\w+) +\\w+ +(\\w+)`);
  const [, index, start = "0", size = "0"] = row.exec(sections) ?? [];
  const random = new Random(20261121);
  const addresses = Array.from({ length: 10_000 }, () => {
    return `0x${(BigInt(`0x${start}`) + BigInt(random.below(Number.parseInt(size, 16)))).toString(16)}`;
  });
  const symbols = run("readelf", ["-sW", file]);
  const functions = [...symbols.matchAll(/^ *\d+: ([0-9a-f]+) +(\w+) FUNC +\S+ +\S+ +(\d+) (\S+)/gm)]
    .filter(([, , , its]) => its === index)
    .map(([, value, bytes, , name = ""]) => ({
      name,
      value: BigInt(`0x${value}`),
      size: BigInt(bytes ?? 0),
    }));
  const named = parseSymbols(run("nm", ["-S", file]));
  const names = new Set(named.map(({ name }) => name));
  // Every unit of a kernel is a C or assembler file.
  const sources = { has: (name: string) => /\.[cS]$/.test(name) } as ReadonlySet<string>;
  return { input: `${addresses.join("\n")}\n`, judged: { functions, names, sources }, symbols: named };
}

/**
 * Whether a place in assembler code, where functions have no type, is called by the symbol that it is in the bytes of, and by
 * a tool by none, or a label that it is not in the bytes of.
 */
function isBesideLabel(
  address: bigint,
  [ours, ...others]: readonly ShownFrame[],
  [theirs, ...more]: readonly ShownFrame[],
  symbols: readonly ShownSymbol[],
): boolean {
  if (ours === undefined || theirs === undefined || others.length > 0 || more.length > 0) return false;
  if (!ours.file.endsWith(".S") || ours.file !== theirs.file || ours.line !== theirs.line) return false;
  const around = symbols.filter(({ value, size }) => value <= address && address < value + size);
  const own = around.find(({ name }) => name === ours.function);
  if (own === undefined || around.some(({ value }) => value > own.value)) return false;
  return !around.some(({ name }) => name === theirs.function);
}

const text = (frames: readonly ShownFrame[]): string[] =>
  frames.map((frame) => `${frame.function} ${frame.file}:${frame.line}`);

/** Answers that differ from one of the tools' for no reason that there is a rule for. */
function faults(
  ours: Shown,
  gnu: Shown,
  llvm: Shown,
  judged: Judged,
  symbols: readonly ShownSymbol[],
): unknown[] {
  return ours.flatMap(({ address, frames }, i) => {
    const [theirs, others] = [gnu[i]?.frames ?? [], llvm[i]?.frames ?? []];
    const reasons = [
      gnuExcuse(address, frames, theirs, others, judged),
      llvmExcuse(address, frames, theirs, others, judged),
    ];
    const isRight = [theirs, others].every(
      (tool, at) => reasons[at] !== undefined || isBesideLabel(address, frames, tool, symbols),
    );
    if (isRight) return [];
    return [
      { address: address.toString(16), reasons, ours: text(frames), gnu: text(theirs), llvm: text(others) },
    ];
  });
}

describe("10,000 addresses", () => {
  it.each([
    ["vmlinux", files.vmlinux, []],
    ["xfs.ko", xfs, ["-j", ".text"]],
  ])("of %s", { timeout: 300_000 }, (_name, file, placed) => {
    const { input, judged, symbols } = question(file, ".text");
    const { stdout, stderr, status } = bindery(["addr2line", "-e", file, ...placed, "-afi"], input);
    expect([stderr, status]).toEqual(["", 0]);
    const gnu = parseShown(run("addr2line", ["-e", file, ...placed, "-afi"], input));
    const llvm = parseShown(run("llvm-addr2line", ["-e", file, "-afi"], input));
    expect(faults(parseShown(stdout), gnu, llvm, judged, symbols)).toEqual([]);
  });
});
