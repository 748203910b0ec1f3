/** Macros, against what readelf and llvm-dwarfdump print of the tables and what the preprocessor itself says. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gnuMacroEntryName, macinfoEntryName, macroEntryName } from "../../../src/dwarf/constants/macro.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { MacinfoCursor } from "../../../src/dwarf/read/macro/info.ts";
import { MacroCursor } from "../../../src/dwarf/read/macro/macro.ts";
import { unitMacros } from "../../../src/dwarf/read/macro/unit.ts";
import { compileNames, openFile, printed, refusals } from "./names-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-macro-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const GCC = [
  ["gcc", "-g3", "-gdwarf-2", "-gstrict-dwarf"],
  ["gcc", "-g3", "-gdwarf-4"],
  ["gcc", "-g3", "-gdwarf-5"],
  ["gcc", "-g3", "-gdwarf-5", "-gdwarf64"],
];
const CLANG = [
  ["clang", "-g", "-gdwarf-4", "-fdebug-macro"],
  ["clang", "-g", "-gdwarf-5", "-fdebug-macro"],
  ["clang", "-g", "-gdwarf-5", "-gdwarf64", "-fdebug-macro"],
  ["clang", "--target=s390x-linux-gnu", "-g", "-gdwarf-5", "-fdebug-macro"],
];

describe.each([...GCC, ...CLANG].map((command) => ({ command })))("$command", ({ command }) => {
  test("has the entries that readelf and llvm-dwarfdump print", () => {
    const object = compileNames(scratch, command);
    // llvm-dwarfdump prints the first section of several; readelf misreads strings by index.
    const expected =
      command[0] === "gcc"
        ? printed("readelf", "-wm", object)
        : printed("llvm-dwarfdump", "--debug-macro", object);
    const lines = expected
      .split("\n")
      .flatMap((line) => /^ *DW_MAC(?:RO|INFO)_.*$/.exec(line) ?? [])
      .map(normal);
    expect(lines.length).toBeGreaterThan(300);
    expect(entries(openFile(object)).map(normal)).toEqual(lines);
  });

  test("has the definitions that the preprocessor prints, those of imported units in their place", () => {
    const object = compileNames(scratch, command);
    const [compiler = "", ...options] = command;
    const text = execFileSync(compiler, [...options, "-E", "-dD", "a.c"], {
      cwd: scratch,
      encoding: "utf8",
      maxBuffer: 1 << 24,
    });
    const expected = [...text.matchAll(/^#(define|undef) (\S+)(?: (.*?))?\s*$/gm)].map(
      ([, kind, name, value]) => `${kind} ${name} ${value ?? ""}`.trimEnd(),
    );
    const [unit] = openFile(object).units();
    const events = unit === undefined ? [] : [...unitMacros(unit)];
    const ours = events.flatMap((event) =>
      event.kind === "define" || event.kind === "undef" ? [`${event.kind} ${event.text}`.trimEnd()] : [],
    );
    // clang writes its own definitions behind those of the files.
    const order = (list: string[]) => (compiler === "gcc" ? list : list.sort());
    expect(order(ours.map(spaced))).toEqual(order(expected.map(spaced)));
    const sum = events.find((event) => event.kind === "define" && event.text?.startsWith("SUM(x"));
    expect(sum).toMatchObject({ line: 3, kind: "define" });
    const files = events.filter(({ kind }) => kind === "start_file" || kind === "end_file");
    expect(files.filter(({ kind }) => kind === "start_file")).toHaveLength(files.length / 2);
    expect(files).toContainEqual(expect.objectContaining({ line: 5, kind: "start_file" }));
  });
});

test("a unit without macros has none", () => {
  const [unit] = openFile(compileNames(scratch, ["gcc", "-g"])).units();
  expect(unit && [...unitMacros(unit)]).toEqual([]);
});

/** All kinds of entries, a vendor's too, that compilers do not write. [DWARF5 6.3] */
test("reads entries of supplementary files and of vendors whose operands the header describes", () => {
  const dwarf = assemble(`
.section .debug_macro,"",@progbits
  .short 5
  .byte 7
  .quad 0x1234
  .byte 2, 0xe0, 2, 0x0b, 0x08, 0xe1, 0
  .byte 8, 3
  .quad 0x55
  .byte 9, 4
  .quad 0x66
  .byte 0x0a
  .quad 0x77
  .byte 0xe0, 9
  .asciz "vendor"
  .byte 0xe1
  .byte 1, 0x81, 1
  .asciz "A 1"
  .byte 0
  .short 4
  .byte 0, 0xe0, 0
`);
  const [section] = dwarf.sections.named("debug_macro");
  if (section === undefined) throw new Error("no section");
  const at = new MacroCursor(dwarf, dwarf.reader(section));
  expect([at.nextUnit(), at.version, at.offsetSize, at.lineOffset]).toEqual([true, 5, 8, 0x1234]);
  const found: unknown[] = [];
  while (at.next())
    found.push([at.entry, at.line, at.text, at.supplementOffset ?? at.importOffset, at.imported()]);
  expect(found).toEqual([
    [8, 3, undefined, 0x55, undefined],
    [9, 4, undefined, 0x66, undefined],
    [0x0a, 0, undefined, 0x77, undefined],
    [0xe0, 0, undefined, undefined, undefined],
    [0xe1, 0, undefined, undefined, undefined],
    [1, 129, "A 1", undefined, undefined],
  ]);
  expect(at.nextUnit()).toBe(true);
  expect(() => at.next()).toThrow(/\.debug_macro\+0x\w+: DW_MACRO_lo_user: the header does not describe it/);
});

test.each([4, 5])(
  "a split file of DWARF %i says what it imports, where its sections cannot be told from one another",
  (version) => {
    compileNames(scratch, ["gcc", "-g3", `-gdwarf-${version}`, "-gsplit-dwarf"], "split.o");
    const dwarf = openFile(join(scratch, "split.dwo"));
    const [unit] = dwarf.units();
    const events = unit === undefined ? [] : [...unitMacros(unit)];
    const lines = printed("readelf", "-wm", join(scratch, "split.dwo")).split("\n\n\n")[0]?.split("\n") ?? [];
    const first = lines.slice(
      0,
      lines.findIndex((line, i) => i > 3 && line.startsWith("Contents")),
    );
    const kinds = first.flatMap(
      (line) => /^ DW_MACRO_(import|start_file|end_file|define|undef)/.exec(line)?.[1] ?? [],
    );
    expect(kinds.filter((kind) => kind === "import").length).toBeGreaterThan(1);
    expect(events.map(({ kind }) => kind)).toEqual(kinds);
    expect(events).toContainEqual({ kind: "define", line: 3, text: "SUM(x,y) ((x) + (y))" });
    expect(events.find(({ kind }) => kind === "import")).toEqual({ kind: "import", offset: 0 });
  },
);

test("macro units that import one another are refused", () => {
  const dwarf = assemble(`
.section .debug_abbrev,"",@progbits
  .byte 1, 0x11, 0, 0x79, 0x17, 0, 0, 0
.section .debug_info,"",@progbits
  .long 2f-1f
1: .short 5
  .byte 1, 8
  .long .debug_abbrev
  .byte 1
  .long macros
2:
.section .debug_macro,"",@progbits
macros: .short 5
  .byte 0, 7
  .long macros
  .byte 7
  .long macros
  .byte 0
`);
  const [unit] = dwarf.units();
  if (unit === undefined) throw new Error("no unit");
  expect(() => [...unitMacros(unit)]).toThrow(expect.objectContaining({ code: "DWARF_LOOP" }));
});

test("damage is refused with a place", () => {
  const read = (dwarf: Dwarf): void => {
    entries(dwarf);
    for (const unit of dwarf.units()) for (const _ of unitMacros(unit));
  };
  for (const command of [GCC[0], GCC[2], CLANG[1]]) {
    const object = compileNames(scratch, command ?? []);
    expect(refusals(object, /debug_mac(ro|info)$/, 50, read)).toBeGreaterThan(10);
  }
});

function assemble(text: string): Dwarf {
  const source = join(scratch, "crafted.s");
  writeFileSync(source, text);
  const object = join(scratch, "crafted.o");
  execFileSync("as", [source, "-o", object]);
  return openFile(object);
}

/** One line for each entry of all sections, the way tools print it. */
function entries(dwarf: Dwarf): string[] {
  const lines: string[] = [];
  const [unit] = dwarf.units();
  for (const section of dwarf.sections.named("debug_macro")) {
    const at = new MacroCursor(dwarf, dwarf.reader(section), 0, unit);
    while (at.nextUnit()) {
      while (at.next()) {
        const name = at.version === 4 ? gnuMacroEntryName(at.entry) : macroEntryName(at.entry);
        const inner = at.imported();
        expect(inner === undefined || inner.nextUnit()).toBe(true);
        lines.push(`${name} ${inner === undefined ? shown(at) : `- offset : ${inner.unit}`}`);
      }
    }
  }
  for (const section of dwarf.sections.named("debug_macinfo")) {
    for (let from = 0; from < section.bytes.length; ) {
      const at = new MacinfoCursor(dwarf.reader(section), from);
      while (at.next()) lines.push(`${macinfoEntryName(at.entry)} ${shown(at)}`);
      from = at.position;
    }
  }
  return lines;
}

function shown({ entry, line, file, text }: MacroCursor | MacinfoCursor): string {
  if (text !== undefined) return `- lineno: ${line} macro: ${text}`;
  // DW_MACRO_start_file and DW_MACINFO_start_file have one number.
  return entry === 3 ? `- lineno: ${line} filenum: ${file}` : "";
}

/** GNU's names as those of version 5, and without what the tools put between. */
function normal(line: string): string {
  return line
    .trim()
    .replace(/ filename: .*/, "")
    .replace(/DW_MACRO_GNU_/, "DW_MACRO_")
    .replace(/^(DW_MACRO_\w+)_indirect/, "$1_strp")
    .replace("DW_MACRO_transparent_include", "DW_MACRO_import")
    .replace(/\s*-?\s+(lineno|offset|macro|filenum)\s*:\s*/g, " $1:");
}

function spaced(line: string): string {
  return line.replace(/\s+/g, " ");
}
