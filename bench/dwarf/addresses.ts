/**
 * Claims: random addresses are answered many times faster than by GNU's and LLVM's programs, and faster than by the crate
 * addr2line, which reads through the tuned reader. All print functions, lines and inline chains.
 */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { SHF } from "../../src/elf/constants/section.ts";
import { openElf } from "../../src/host/file.ts";
import { median, printColumns } from "../table.ts";
import { against, measure, type Prepared, type Run, scratchFile, seconds, warm } from "./measure.ts";
import { seeded } from "./random.ts";

const HARNESS = fileURLToPath(new URL("harness-addresses.js", import.meta.url));
const COUNT = 10_000;

/** Which rounds eu-addr2line runs in, which takes most of a minute. */
export type Slow = "always" | "once" | "never";

/** A file, and what of it is asked for. */
interface Question {
  readonly title: string;
  readonly file: string;
  /** What addresses count from; without it they are absolute. */
  readonly section?: string;
  readonly goal: string;
}

interface Answerer {
  readonly name: string;
  readonly command: readonly string[];
  readonly slow?: true;
  /** It prints the seconds of the work alone on standard error. */
  readonly timesItself?: true;
}

/** Those of xfs.ko are in `.text`: LLVM's program has no option for a section, and takes the first one. */
export function measureAddresses(prepared: Prepared, xfs: string, rounds: number, slow: Slow): void {
  const questions: Question[] = [
    { title: "xfs.ko, .text", file: xfs, section: ".text", goal: ">= 5x GNU and LLVM; aim 1x crate" },
    { title: "vmlinux", file: prepared.vmlinux, goal: ">= 2x LLVM; aim 1x crate" },
  ];
  for (const question of questions) measureOne(prepared, question, rounds, slow);
}

function measureOne(prepared: Prepared, question: Question, rounds: number, slow: Slow): void {
  warm(prepared, [question.file]);
  const list = scratchFile("addresses");
  writeFileSync(list, addressLines(question).join(""));
  const { ours, library, peers } = answerers(prepared, question);
  const runs = new Map<Answerer, Run[]>();
  for (let round = 0; round < rounds; round++) {
    for (const one of [ours, library, ...peers]) {
      if (one.slow === true && (slow === "never" || (slow === "once" && round > 0))) continue;
      runs.set(one, [...(runs.get(one) ?? []), measure(prepared, one.command, list)]);
    }
  }
  const middle = (one: Answerer, value: (run: Run) => number): number =>
    median((runs.get(one) ?? []).map(value));
  const wall = (one: Answerer): number => middle(one, (run) => run.wall);
  const inside = (one: Answerer): number =>
    one.timesItself === true ? middle(one, ({ errors }) => JSON.parse(errors).seconds) : Number.NaN;
  const megabytes = (one: Answerer): string => {
    const peak = middle(one, ({ kilobytes }) => kilobytes / 1024);
    return Number.isNaN(peak) ? "" : peak.toFixed(0);
  };
  const chains = (one: Answerer): string[] => chainsOf(runs.get(one)?.at(-1)?.output ?? "");
  const expected = chains(ours);
  const same = (one: Answerer): string => agreement(expected, chains(one));
  const line = (what: string, own: number, of: (one: Answerer) => number, goal: string): string[] => [
    what,
    seconds(own),
    ...peers.map((one) => against(own, of(one))),
    goal,
  ];
  const rows = [
    line("with the start of the process", wall(ours), wall, question.goal),
    line("the work alone", inside(library), inside, ""),
    ["peak memory, MB", megabytes(ours), ...peers.map(megabytes), ""],
    ["answers with the same lines as ours", "", ...peers.map(same), ""],
  ];
  const title = `${COUNT.toLocaleString("en")} random addresses of ${question.title}, seconds`;
  printColumns([title, ...[ours, ...peers].map(({ name }) => name), "goal"], rows);
}

/** Ourselves as the command, and as the library; and the others. */
function answerers(
  prepared: Prepared,
  { file, section }: Question,
): { ours: Answerer; library: Answerer; peers: Answerer[] } {
  const { cli, gimli } = prepared;
  const options = ["-e", file, "-a", "-f", "-i"];
  const placed = section === undefined ? options : [...options, "-j", section];
  const crate = ["tuned", "addresses", file];
  return {
    ours: { name: "bindery", command: [process.execPath, cli, "addr2line", ...placed] },
    library: {
      name: "library",
      command: [process.execPath, HARNESS, file, ...(section === undefined ? [] : [section])],
      timesItself: true,
    },
    peers: [
      { name: "GNU", command: ["addr2line", ...placed] },
      { name: "LLVM", command: ["llvm-addr2line", ...options] },
      ...(gimli === undefined
        ? []
        : [{ name: "addr2line crate", command: [gimli, ...crate], timesItself: true as const }]),
      { name: "eu-", command: ["eu-addr2line", ...placed], slow: true },
    ],
  };
}

/** Lines of the standard input of all of them. */
function addressLines({ file, section }: Question): string[] {
  using opened = openElf(file);
  const code = opened.elf.sections.filter(
    ({ name, flags }) => (section === undefined || name === section) && (flags & SHF.SHF_EXECINSTR) !== 0,
  );
  const size = code.reduce((sum, one) => sum + Number(one.size), 0);
  const random = seeded(COUNT);
  return Array.from({ length: COUNT }, () => {
    let at = random(size);
    const found = code.find((one) => {
      if (at < Number(one.size)) return true;
      at -= Number(one.size);
      return false;
    });
    return `0x${((found?.addr ?? 0n) + BigInt(at)).toString(16)}\n`;
  });
}

/**
 * For each address the lines of its chain, without what programs print differently: folders, columns, discriminators.
 * Functions are left out: programs take some from the symbol table, and not the same ones.
 */
function chainsOf(output: string): string[] {
  const chains: string[] = [];
  let lines = 0;
  for (const line of output.split("\n")) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      chains.push("");
      lines = 0;
    } else if (chains.length > 0 && line !== "" && lines++ % 2 === 1) {
      const [, file, number] = /^(.*?):(\d+|\?)/.exec(line) ?? [];
      chains.push(`${chains.pop()} ${basename(file ?? "")}:${number === "?" ? 0 : number}`);
    }
  }
  return chains;
}

function agreement(ours: readonly string[], theirs: readonly string[]): string {
  if (theirs.length === 0) return "";
  const same = theirs.filter((chain, i) => chain === ours[i]).length;
  return `${((100 * same) / ours.length).toFixed(1)}%`;
}
