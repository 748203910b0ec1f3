/** Addresses that are no plain address: an index and an offset, or an expression, as LLVM writes them to share addresses. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributeName, DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM, formName } from "../../../src/dwarf/constants/form.ts";
import { Die, rootEntry } from "../../../src/dwarf/die.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { CodeLookup } from "../../../src/dwarf/lookup/lookup.ts";
import { entryRanges, hasPc, pcBounds } from "../../../src/dwarf/read/list/range.ts";
import type { Resolver } from "../../../src/dwarf/relocation/resolver.ts";
import { compile, link, openDwarf, placedAs, printedAttributes } from "./location-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-forms-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function* entriesOf(dwarf: Dwarf): IterableIterator<Die> {
  for (const unit of dwarf.units()) {
    const at = unit.entries();
    while (at.next()) yield new Die(unit, at);
  }
}

/** Addresses of code, by entry and attribute; by the resolver, or as they count from sections. */
function addresses(dwarf: Dwarf, resolver?: Resolver): string[] {
  const lines: string[] = [];
  for (const die of entriesOf(dwarf)) {
    for (const { attribute, address } of die.attributes) {
      if (address === undefined) continue;
      const shown = resolver === undefined ? String(address) : `0x${address.resolve(resolver).toString(16)}`;
      lines.push(`${die.tagName} ${die.name} ${attributeName(attribute)} ${shown}`);
    }
    for (const { begin, end } of entryRanges(die.unit, die))
      lines.push(`${die.tagName} ${die.name} ${begin} ${end}`);
  }
  return lines;
}

function build(name: string, mode: string, ...more: string[]): string {
  const options = [
    "-gdwarf-5",
    "-O2",
    "-ffunction-sections",
    "-mllvm",
    `-minimize-addr-in-v5=${mode}`,
    ...more,
  ];
  return compile(scratch, { compiler: "clang", options }, name);
}

/** Forms of the attributes that are addresses of code. */
function forms(dwarf: Dwarf): Set<string> {
  const { DW_AT_low_pc, DW_AT_call_return_pc } = DW_AT;
  return new Set(
    Array.from(entriesOf(dwarf))
      .flatMap(({ attributes }) => attributes)
      .filter(({ attribute }) => attribute === DW_AT_low_pc || attribute === DW_AT_call_return_pc)
      .map(({ form }) => formName(form)),
  );
}

describe.each([
  { mode: "Form", form: "DW_FORM_LLVM_addrx_offset", more: [] },
  { mode: "Expressions", form: "DW_FORM_exprloc", more: [] },
  { mode: "Form", form: "DW_FORM_LLVM_addrx_offset", more: ["--target=riscv64-linux-gnu"] },
  { mode: "Form", form: "DW_FORM_LLVM_addrx_offset", more: ["--target=s390x-linux-gnu", "-gdwarf64"] },
  { mode: "Expressions", form: "DW_FORM_exprloc", more: ["--target=i386-linux-gnu"] },
])("$form $more", ({ mode, form, more }) => {
  test("is the address that the same code has written plainly", () => {
    const plain = openDwarf(build("plain.o", "Disabled", ...more));
    const short = openDwarf(build("short.o", mode, ...more));
    expect(forms(plain)).not.toContain(form);
    expect(forms(short)).toContain(form);
    const expected = addresses(plain);
    expect(expected.length).toBeGreaterThan(20);
    expect(addresses(short)).toEqual(expected);
  });
});

test("batches have the same values, and so do look-ups by name and place", () => {
  const object = build("batch.o", "Form");
  const dwarf = openDwarf(object);
  for (const unit of dwarf.units()) {
    const batch = unit.batch();
    const at = unit.entries();
    let values = 0;
    while (batch.fill() > 0) {
      for (let entry = 0; entry < batch.count; entry++) {
        expect(at.next() && at.offset).toBe(batch.offsets[entry]);
        for (let value = batch.firstValues[entry] ?? 0; at.nextAttribute(); value++, values++) {
          expect([batch.lows[value], batch.highs[value]]).toEqual([at.low, at.high]);
        }
      }
    }
    expect(values).toBeGreaterThan(100);
  }
  for (const mode of ["Form", "Expressions"]) {
    const lookup = new CodeLookup(openDwarf(build("look.o", mode)));
    const first = lookup.dwarf.sections.elf.sections.find(({ name }) => name === ".text.first")?.index;
    const plain = new CodeLookup(openDwarf(build("plain.o", "Disabled")));
    for (let offset = 0n; offset < 0x60n; offset += 5n) {
      const [ours, theirs] = [lookup, plain].map((one) =>
        one.at(first, offset).frames.map((frame) => frame.name),
      );
      expect(ours).toEqual(theirs);
    }
  }
});

test("an index and an offset are what llvm-dwarfdump prints", () => {
  const object = build("printed.o", "Form");
  const printed = printedAttributes(object)
    .filter(({ form }) => form === "DW_FORM_LLVM_addrx_offset")
    .map(({ text }) => / address = 0x0*([0-9a-f]+) "(.*)"$/.exec(text))
    .map((match) => `${match?.[2]}+0x${match?.[1]}`);
  const ours = Array.from(entriesOf(openDwarf(object)))
    .flatMap(({ attributes }) => attributes)
    .filter(({ form }) => form === DW_FORM.DW_FORM_LLVM_addrx_offset)
    .map(({ address }) => String(address));
  expect(ours.length).toBeGreaterThan(5);
  expect(ours).toEqual(printed);
});

test.each(["Form", "Expressions"])("%s: final addresses are those of the linked file", (mode) => {
  const object = build("link.o", mode);
  const linked = link(object);
  const ours = addresses(openDwarf(object), placedAs(linked)).filter((line) => / DW_AT_\w+ 0x/.test(line));
  const theirs = addresses(openDwarf(linked), placedAs(linked)).filter((line) => / DW_AT_\w+ 0x/.test(line));
  expect(ours.length).toBeGreaterThan(10);
  expect(ours).toEqual(theirs);
});

/** Entries whose `DW_AT_low_pc` is an expression, for each of them. */
function expressions(...operations: string[]): string {
  const object = join(scratch, "crafted.o");
  const source = `
.text
.zero 0x100
.section .debug_abbrev
.uleb128 1\n.uleb128 0x11\n.byte 1\n.uleb128 0x73\n.uleb128 0x17\n.uleb128 0\n.uleb128 0
.uleb128 2\n.uleb128 0x2e\n.byte 0\n.uleb128 0x11\n.uleb128 0x18\n.uleb128 0x12\n.uleb128 0x0b\n.uleb128 0\n.uleb128 0
.byte 0
.section .debug_info
.4byte 9f-8f
8: .2byte 5\n.byte 1, 8\n.4byte 0
.uleb128 1\n.4byte addresses
${operations.map((operation) => `.uleb128 2\n.uleb128 7f-6f\n6: ${operation}\n7: .byte 4\n`).join("")}
.byte 0
9:
.section .debug_addr
.4byte 5f-4f\n4: .2byte 5\n.byte 8,0
addresses: .8byte .text+0x10, .text+0x20
5:
`;
  execFileSync("as", ["-o", object], { input: source });
  return object;
}

test("of expressions, those count that are an address and constants added to it", () => {
  const given = [
    [".byte 3\n.8byte .text+0x30", ".text+0x30"],
    [".byte 0xa1\n.uleb128 1", ".text+0x20"],
    [".byte 0xfb\n.uleb128 0", ".text+0x10"],
    [".byte 0xa1, 1, 0x23\n.uleb128 0x7f", ".text+0x9f"],
    [".byte 0xa1, 1, 0x08, 5, 0x22", ".text+0x25"],
    [".byte 0xa1, 1, 0x0a\n.2byte 6\n.byte 0x22", ".text+0x26"],
    [".byte 0xa1, 1, 0x0c\n.4byte 7\n.byte 0x22, 0x23, 1", ".text+0x28"],
    [".byte 0xa1, 1, 0x0e\n.8byte 8\n.byte 0x22", ".text+0x28"],
    [".byte 0x10\n.uleb128 0x81\n.byte 0xa1, 0, 0x22", ".text+0x91"],
    // None: nothing, two addresses, a register, a sum without a summand, a constant left over, cut short.
    ["", undefined],
    [".byte 0xa1, 1, 0xa1, 1", undefined],
    [".byte 0x70, 0", undefined],
    [".byte 0xa1, 1, 0x22", undefined],
    [".byte 0xa1, 1, 0x08, 5", undefined],
    [".byte 0x23, 1", undefined],
    [".byte 0xa1, 1, 0x0c, 5", undefined],
    [".byte 0x03, 5", undefined],
  ] as const;
  const [unit] = openDwarf(expressions(...given.map(([operation]) => operation))).units();
  if (unit === undefined) throw new Error("no unit");
  const entries = Array.from(rootEntry(unit).children());
  expect(entries.map((die) => die.attribute(DW_AT.DW_AT_low_pc)?.address?.toString())).toEqual(
    given.map(([, expected]) => expected),
  );
  const [first] = entries;
  const bounds = first && pcBounds(unit, first);
  expect([String(bounds?.low), String(bounds?.high)]).toEqual([".text+0x30", ".text+0x34"]);
  expect([0, 3, 4].map((more) => first && bounds && hasPc(unit, first, bounds.low.plus(more)))).toEqual([
    true,
    true,
    false,
  ]);
});

test("an index of no address is refused with its place", () => {
  const [unit] = openDwarf(expressions(".byte 0xa1\n.uleb128 2000")).units();
  const [entry] = unit === undefined ? [] : rootEntry(unit).children();
  expect(() => entry?.attribute(DW_AT.DW_AT_low_pc)?.address).toThrow(
    /crafted\.o: \.debug_addr\+0x[0-9a-f]+: address index 2000: the section has 24 bytes$/,
  );
});
