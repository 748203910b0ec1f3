/** Look-up tables and macros as `bindery dwarf` prints them, against readelf, llvm-dwarfdump and the preprocessor. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileNames, printed } from "../dwarf/read/names-objects.ts";
import { groupsOf, shown } from "./dwarf-support.ts";
import { bindery } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-names-"));
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(name: string, ...command: string[]): string {
  return compileNames(scratch, command, name);
}

/** `0x2d`, of digits with zeros before them. */
function hex(digits: string | undefined): string {
  return `0x${BigInt(`0x${digits}`).toString(16)}`;
}

interface Sets {
  readonly unit: number;
  readonly ranges: readonly { readonly begin: string; readonly size: number }[];
}

test("address ranges are those that readelf prints of linked files", () => {
  const files = [
    ["gcc", "-g", "-gdwarf-4", "-ffunction-sections"],
    ["gcc", "-g", "-gdwarf-5", "-gdwarf64"],
    ["clang", "-g", "-gdwarf-5", "-gdwarf-aranges", "-ffunction-sections"],
  ].map((command, index) => {
    const object = compile(`${index}.o`, ...command);
    const linked = join(scratch, `${index}`);
    execFileSync("gcc", [object, "-o", linked]);
    return linked;
  });
  const documents = shown("aranges", ...files);
  for (const [index, file] of files.entries()) {
    const ours = groupsOf<Sets>(documents[index]).flatMap(({ unit, ranges }) => [
      `unit ${hex(unit.toString(16))}`,
      ...ranges.map(({ begin, size }) => `${begin} ${hex(size.toString(16))}`),
    ]);
    const expected = printed("readelf", "-W", "-wr", file)
      .split("\n")
      .flatMap((line) => {
        const unit = /^ +Offset into .debug_info: +(?:0x)?(\w+)$/.exec(line);
        if (unit !== null) return [`unit ${hex(unit[1])}`];
        const [, begin = "0", size = "0"] = /^ +([0-9a-f]{16}) ([0-9a-f]{16}) *$/.exec(line) ?? [];
        return BigInt(`0x${begin}`) === 0n ? [] : [`${hex(begin)} ${hex(size)}`];
      });
    expect(ours.length).toBeGreaterThan(1);
    expect(ours).toEqual(expected);
  }
});

interface Table {
  readonly section: string;
  readonly unit?: number;
  readonly names: readonly {
    readonly name: string;
    readonly die?: number;
    readonly tag?: string;
    readonly kind?: string;
    readonly linkage?: string;
    readonly hash?: string;
  }[];
}

test("public names of all kinds are those that llvm-dwarfdump prints", () => {
  const files = [
    compile("plain.o", "gcc", "-gdwarf-2", "-gpubnames"),
    compile("gnu.o", "clang", "-g", "-gdwarf-4", "-ggnu-pubnames"),
    compile("gnu64.o", "gcc", "-gdwarf-5", "-gdwarf64", "-ggnu-pubnames"),
  ];
  const documents = shown("names", ...files);
  for (const [index, file] of files.entries()) {
    const options = ["pubnames", "pubtypes", "gnu-pubnames", "gnu-pubtypes"].map(
      (table) => `--debug-${table}`,
    );
    const expected = [
      ...printed("llvm-dwarfdump", ...options, file).matchAll(/^0x(\w+) +(?:(\w+) +(\w+) +)?"(.*)"$/gm),
    ].map(([, entry, linkage = "", kind = "", name]) => `${hex(entry)} ${linkage} ${kind} ${name}`);
    const ours = groupsOf<Table>(documents[index]).flatMap(({ unit = 0, names }) =>
      names.map(({ die = 0, linkage = "", kind = "", name }) =>
        [hex((die - unit).toString(16)), linkage.toUpperCase(), kind.toUpperCase(), name].join(" "),
      ),
    );
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(expected);
  }
});

test("the names of .debug_names are those that llvm-dwarfdump prints", () => {
  const file = compile("names.o", "clang", "-g", "-gdwarf-5", "-gpubnames", "-mllvm", "-accel-tables=Dwarf");
  const [document] = shown("names", file);
  const expected: string[] = [];
  let [hash, name, tag] = ["", "", ""];
  for (const line of printed("llvm-dwarfdump", "--debug-names", file).split("\n")) {
    const [, what = "", value = ""] = /^ +(Hash|String|Tag|DW_IDX_die_offset): (.*)$/.exec(line) ?? [];
    if (what === "Hash") hash = value.toLowerCase();
    if (what === "String") name = /"(.*)"/.exec(value)?.[1] ?? "";
    if (what === "Tag") tag = value;
    if (what === "DW_IDX_die_offset" && /^0x/.test(value))
      expected.push(`${hex(hash.slice(2))} ${tag} ${name} ${Number(value)}`);
  }
  const ours = groupsOf<Table>(document).flatMap(({ names }) =>
    names.map((one) => `${one.hash} ${one.tag} ${one.name} ${one.die}`),
  );
  expect(ours.length).toBeGreaterThan(10);
  expect(ours).toEqual(expected);
  const found = bindery(["dwarf", "names", "--name", "second", file]).stdout.split("\n").slice(2, -1);
  expect(found).toEqual([
    expect.stringMatching(/^ {4}0x[0-9a-f]{8} DW_TAG_subprogram hash 0x[0-9a-f]+ "second"$/),
  ]);
});

test.each(["-gdwarf-4", "-gdwarf-5", "-gstrict-dwarf"])(
  "macros are those that the preprocessor knows: %s",
  (format) => {
    const options = format === "-gstrict-dwarf" ? ["-gdwarf-4", format] : [format];
    const file = compile("macros.o", "gcc", "-g3", ...options);
    const lines = bindery(["dwarf", "macros", file]).stdout.split("\n");
    const defined = new Set<string>();
    for (const line of lines) {
      const [, kind, text = ""] = /^ +\d+ #(define|undef) (.*)$/.exec(line) ?? [];
      if (kind === "define") defined.add(text.trimEnd());
      const [name = ""] = text.split(/[ (]/);
      if (kind === "undef")
        for (const other of defined) if (other.startsWith(`${name} `)) defined.delete(other);
    }
    const source = execFileSync("gcc", ["-E", "-dM", "a.c"], { cwd: scratch, encoding: "utf8" });
    const expected = [...source.matchAll(/^#define (.*)$/gm)].map(([, text = ""]) => text.trimEnd());
    // The assembler's own options define some; spaces between parameters are not kept.
    const plain = (text: string): string => text.replace(/, /g, ",");
    expect([...defined].map(plain).sort()).toEqual(expected.map(plain).sort());
    expect(lines.some((line) => /^ +5 #include ".*a\.h"$/.test(line))).toBe(true);
  },
);
