/** Damaged call frame information: rows and text, or an error that says where. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { FrameHeaderTable } from "../../../src/dwarf/read/frame/header.ts";
import { frameRow, frameRowText } from "../../../src/dwarf/read/frame/row.ts";
import { FrameRows } from "../../../src/dwarf/read/frame/rows.ts";
import { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import { frameInstructionTexts } from "../../../src/dwarf/read/frame/text.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DwarfError, ElfError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";

const CASES = 1000;
const TARGETS = [".eh_frame", ".eh_frame_hdr", ".debug_frame", ".rela.eh_frame", ".rela.debug_frame"];

let images: Uint8Array[] = [];
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-frame-"));
  const source = join(scratch, "a.cc");
  writeFileSync(
    source,
    `int g(int, ...); int one(int a, int b, int c) { if (a) return b; int d = g(a, b); return g(b, c) + d + c; }
     int two(int n) { try { return g(n, __builtin_alloca(n)); } catch (...) { return 2; } }`,
  );
  const object = join(scratch, "a.o");
  const flags = ["-O2", "-fexceptions", "-fasynchronous-unwind-tables", source, "-o", object];
  images = [
    ["g++", "-shared", "-fpic", "-nostdlib", "-Wl,-z,lazy", ...flags],
    ["g++", "-c", "-ffunction-sections", ...flags],
    ["clang++", "--target=riscv64-linux-gnu", "-c", ...flags],
    ["clang++", "--target=s390x-linux-gnu", "-c", ...flags],
    [
      "gcc",
      "-c",
      "-g",
      "-O2",
      "-fno-asynchronous-unwind-tables",
      "-Dtry=if(1)",
      "-Dcatch(x)=else",
      source,
      "-o",
      object,
    ],
  ].map(([compiler = "", ...options]) => {
    execFileSync(compiler, options, { stdio: "ignore" });
    return readFileSync(object);
  });
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Everything there is to read of frames. @returns how much that was */
function readAll(bytes: Uint8Array, refuse: (error: unknown) => void): number {
  const elf = ElfFile.open(bytes, { name: "damaged.o" });
  const dwarf = Dwarf.open(elf);
  let found = 0;
  const attempt = (what: () => void): void => {
    try {
      what();
    } catch (error) {
      refuse(error);
    }
  };
  attempt(() => {
    found += FrameHeaderTable.read(elf)?.find(0x1000n) === undefined ? 0 : 1;
  });
  for (const section of ["eh_frame", "debug_frame"].flatMap((name) => dwarf.sections.named(name))) {
    const frames = new FrameSection(dwarf.reader(section));
    attempt(() => frames.find(0x1000n));
    const at = frames.entries();
    for (let more = true; more; ) {
      attempt(() => {
        more = at.next();
        if (!more) return;
        const entry = at.isCie ? frames.cie(at) : frames.fde(at);
        attempt(() => {
          for (const text of frameInstructionTexts(entry)) found += text.length;
        });
        if (!("cie" in entry)) attempt(() => String(entry.personality?.value));
        else {
          attempt(() => String(entry.lsda?.value));
          const rows = new FrameRows(entry);
          while (rows.next()) found += frameRowText(frameRow(rows), frames.machine).length;
        }
      });
    }
  }
  return found;
}

test("gives rows or an error with a place for thousands of damaged files", () => {
  for (const [index, image] of images.entries()) {
    const whole = readAll(image, (error) => {
      throw error;
    });
    expect(whole).toBeGreaterThan(200);
    const places = TARGETS.flatMap((name) => ElfFile.open(image).sectionsNamed(name));
    let refused = 0;
    let other = 0;
    for (let seed = 0; seed < CASES; seed++) {
      const random = new Random(index * CASES + seed);
      const { offset, size } = random.pick(places);
      const refuse = (error: unknown): void => {
        if (!(error instanceof DwarfError || error instanceof ElfError)) {
          throw new Error(`seed ${seed} of image ${index}`, { cause: error });
        }
        refused++;
      };
      try {
        if (readAll(mutate(image, random, offset, offset + size), refuse) !== whole) other++;
      } catch (error) {
        refuse(error);
      }
    }
    // Damage is told, or makes other frames of them.
    expect(refused).toBeGreaterThan(CASES / 4);
    expect(other).toBeGreaterThan(CASES / 4);
  }
});
