/**
 * The constants against four independent sources: elfutils' `dwarf.h`, LLVM's `Dwarf.def`, and what the dump tools
 * print of objects in which every value occurs.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { attributeName, DW_AT } from "../../src/dwarf/constants/attribute.ts";
import {
  attributeValueName,
  DW_ACCESS,
  DW_APPLE_PROPERTY,
  DW_CC,
  DW_DEFAULTED,
  DW_DSC,
  DW_ID,
  DW_INL,
  DW_ORD,
  DW_VIRTUALITY,
  DW_VIS,
} from "../../src/dwarf/constants/attribute-value.ts";
import { DW_ATE, DW_DS, DW_END } from "../../src/dwarf/constants/base-type.ts";
import { DW_FORM, formName } from "../../src/dwarf/constants/form.ts";
import { callFrameName, DW_CFA, DW_EH_PE, pointerEncodingName } from "../../src/dwarf/constants/frame.ts";
import { DW_LANG } from "../../src/dwarf/constants/language.ts";
import {
  DW_LNCT,
  DW_LNE,
  DW_LNS,
  extendedLineOpcodeName,
  lineContentName,
  lineOpcodeName,
} from "../../src/dwarf/constants/line.ts";
import {
  DW_LLE,
  DW_LLE_GNU,
  DW_RLE,
  locationListEntryName,
  rangeListEntryName,
  splitLocationListEntryName,
} from "../../src/dwarf/constants/list.ts";
import {
  DW_MACINFO,
  DW_MACRO,
  DW_MACRO_FLAG,
  DW_MACRO_GNU,
  gnuMacroEntryName,
  macinfoEntryName,
  macroEntryName,
} from "../../src/dwarf/constants/macro.ts";
import { DW_IDX, indexAttributeName } from "../../src/dwarf/constants/name-index.ts";
import { DW_OP, operationName } from "../../src/dwarf/constants/operation.ts";
import { DW_SECT, DW_SECT_V2, packageSectionName } from "../../src/dwarf/constants/package.ts";
import { DW_TAG, tagName } from "../../src/dwarf/constants/tag.ts";
import { DW_CHILDREN, DW_UT, unitTypeName } from "../../src/dwarf/constants/unit.ts";
import type { Family } from "../../src/elf/constants/family.ts";
import { assembleData } from "../support/assemble-data.ts";
import { tool } from "../support/elf-readelf.ts";

type Namer = (value: number) => string;

/** Names the values of one attribute. */
const namerOf =
  (attribute: number): Namer =>
  (value) =>
    attributeValueName(attribute, value) ?? "";

/** Families by prefix, the longer prefixes first, so that the first that fits a name is its own. */
const FAMILIES: readonly [prefix: string, family: Family, name: Namer | undefined][] = [
  ["DW_TAG", DW_TAG, tagName],
  ["DW_AT", DW_AT, attributeName],
  ["DW_FORM", DW_FORM, formName],
  ["DW_OP", DW_OP, operationName],
  ["DW_CFA", DW_CFA, callFrameName],
  ["DW_EH_PE", DW_EH_PE, undefined],
  ["DW_LNS", DW_LNS, lineOpcodeName],
  ["DW_LNE", DW_LNE, extendedLineOpcodeName],
  ["DW_LNCT", DW_LNCT, lineContentName],
  ["DW_RLE", DW_RLE, rangeListEntryName],
  ["DW_LLE_GNU", DW_LLE_GNU, splitLocationListEntryName],
  ["DW_LLE", DW_LLE, locationListEntryName],
  ["DW_UT", DW_UT, unitTypeName],
  ["DW_CHILDREN", DW_CHILDREN, undefined],
  ["DW_ATE", DW_ATE, namerOf(DW_AT.DW_AT_encoding)],
  ["DW_DS", DW_DS, namerOf(DW_AT.DW_AT_decimal_sign)],
  ["DW_END", DW_END, namerOf(DW_AT.DW_AT_endianity)],
  ["DW_ACCESS", DW_ACCESS, namerOf(DW_AT.DW_AT_accessibility)],
  ["DW_VIS", DW_VIS, namerOf(DW_AT.DW_AT_visibility)],
  ["DW_VIRTUALITY", DW_VIRTUALITY, namerOf(DW_AT.DW_AT_virtuality)],
  ["DW_LANG", DW_LANG, namerOf(DW_AT.DW_AT_language)],
  ["DW_ID", DW_ID, namerOf(DW_AT.DW_AT_identifier_case)],
  ["DW_CC", DW_CC, namerOf(DW_AT.DW_AT_calling_convention)],
  ["DW_INL", DW_INL, namerOf(DW_AT.DW_AT_inline)],
  ["DW_ORD", DW_ORD, namerOf(DW_AT.DW_AT_ordering)],
  ["DW_DSC", DW_DSC, undefined],
  ["DW_DEFAULTED", DW_DEFAULTED, namerOf(DW_AT.DW_AT_defaulted)],
  ["DW_IDX", DW_IDX, indexAttributeName],
  ["DW_SECT", DW_SECT, (value) => packageSectionName(value, 5)],
  ["DW_MACRO_GNU", DW_MACRO_GNU, gnuMacroEntryName],
  ["DW_MACRO_FLAG", DW_MACRO_FLAG, undefined],
  ["DW_MACRO", DW_MACRO, macroEntryName],
  ["DW_MACINFO", DW_MACINFO, macinfoEntryName],
  ["DW_APPLE_PROPERTY", DW_APPLE_PROPERTY, namerOf(DW_AT.DW_AT_APPLE_property_attribute)],
];

/** Names that the sources spell, number or group otherwise, and why ours differ. */
const RESPELLED: Readonly<Record<string, string>> = {
  // LLVM puts these three vendors in capitals; their own headers, and readelf, don't.
  DW_TAG_UPC_shared_type: "DW_TAG_upc_shared_type",
  DW_TAG_UPC_strict_type: "DW_TAG_upc_strict_type",
  DW_TAG_UPC_relaxed: "DW_TAG_upc_relaxed_type",
  DW_AT_UPC_threads_scaled: "DW_AT_upc_threads_scaled",
  // Slips in LLVM's table: a doubled prefix, a lost letter, 90 for 80 bits, and a size left out.
  DW_AT_DW_AT_INTEL_other_endian: "DW_AT_INTEL_other_endian",
  DW_AT_SUN_90_pointer: "DW_AT_SUN_f90_pointer",
  DW_ATE_HP_imaginary_float90: "DW_ATE_HP_imaginary_float80",
  DW_ATE_HP_complex_float: "DW_ATE_HP_complex_float80",
  // readelf's names from before DWARF 2 was final.
  DW_TAG_template_type_param: "DW_TAG_template_type_parameter",
  DW_TAG_template_value_param: "DW_TAG_template_value_parameter",
  DW_AT_namelist_items: "DW_AT_namelist_item",
  // The specification spells flags small and this one without its prefix.
  DW_MACRO_FLAG_OFFSET_SIZE: "DW_MACRO_FLAG_offset_size",
  DW_MACRO_FLAG_DEBUG_LINE_OFFSET: "DW_MACRO_FLAG_debug_line_offset",
  DW_MACRO_FLAG_OPCODE_OPERANDS_TABLE: "DW_MACRO_FLAG_opcode_operands_table",
};

/** In the sources, yet no value that occurs in a file: terminators, and a name for the high two bits of an opcode. */
const NOT_VALUES = /_(null|extended)$/;

/** Left out of a comparison, because the sources differ from each other here. */
const DISPUTED: ReadonlySet<string> = new Set([
  // binutils, gdb and libdwarf have it at 0x4090, as HP's debugger did; LLVM in a comment at 0x4081.
  "DW_TAG_HP_array_descriptor",
  // elfutils lists it with the entries of `.debug_loc.dwo`; it stands in `.debug_loclists`, as ours.
  "DW_LLE_GNU_view_pair",
]);

/** Ours and in neither header: what they leave out, with the source of each. */
const OURS_ALONE: readonly RegExp[] = [
  /^DW_TAG_HP_/, // binutils dwarf2.def
  /^DW_AT_(subscr_data|element_list|member|HP_block_index|upc_threads_scaled)$/, // binutils dwarf2.def, DWARF 1
  /^DW_AT_language_(name|version)$/, // dwarfstd.org, assigned for DWARF 6
  /^DW_(AT|TAG)_LLVM_|^DW_AT_APPLE_(origin|enum_kind)$/, // later LLVM
  /^DW_AT_TI_|^DW_CC_ALTIUM_|^DW_CFA_METAWARE_|^DW_LNCT_LLVM_is_MD5$/, // libdwarf dwarf.h
  /^DW_ATE_HP_|^DW_ATE_SUN_interval_float$/, // binutils dwarf2.def, libdwarf dwarf.h
  /^DW_OP_(LLVM|AARCH64)_/, // binutils dwarf2.def, the AArch64 ABI, LLVM for AMDGPU
  /^DW_LNE_HP_/, // binutils dwarf2.h
  /^DW_IDX_GNU_/, // gdb manual, "Extensions to .debug_names"
  /^DW_LANG_(HP_|SUN_|ALTIUM_|Upc$|Rust_old$)/, // binutils dwarf2.h, libdwarf dwarf.h
];

interface Constant {
  readonly name: string;
  readonly value: number;
}

const elfutils: Constant[] = [];
{
  const header = readFileSync("/usr/include/dwarf.h", "latin1");
  for (const [, name = "", value = ""] of header.matchAll(/^\s+(DW_\w+)\s*=\s*(0x[0-9a-f]+|\d+)\b(?!U)/gm)) {
    elfutils.push({ name, value: Number(value) });
  }
}

const llvm: Constant[] = [];
{
  const version = readdirSync("/usr/include").find(
    (entry) => entry.startsWith("llvm-") && !entry.includes("-c-"),
  );
  const header = readFileSync(`/usr/include/${version}/llvm/BinaryFormat/Dwarf.def`, "latin1");
  const row = /^(?:\/\/ )?HANDLE_(DW_[A-Z]+(?:_[A-Z]+)?|MACRO_FLAG)\((0x[0-9a-f]+|\d+), (\w+)/gm;
  for (const [, family = "", value = "", name = ""] of header.matchAll(row)) {
    const prefix = { DW_CFA_PRED: "DW_CFA", MACRO_FLAG: "DW_MACRO_FLAG" }[family] ?? family;
    llvm.push({ name: `${prefix}_${name}`, value: Number(value) });
  }
  const enums = readFileSync(`/usr/include/${version}/llvm/BinaryFormat/Dwarf.h`, "latin1");
  for (const [, name = "", value = ""] of enums.matchAll(/^\s+(DW_\w+_(?:lo|hi)_user) = (0x[0-9a-f]+)/gm)) {
    // A range of forms is LLVM's own idea, as it says there.
    if (name !== "DW_FORM_lo_user") llvm.push({ name, value: Number(value) });
  }
}

const familyOf = (name: string) => FAMILIES.find(([prefix]) => name.startsWith(`${prefix}_`));

describe.each([
  ["elfutils' dwarf.h", elfutils, 12],
  ["LLVM's Dwarf.def", llvm, 14],
] as const)("%s", (_, constants, vendorRanges) => {
  test("every constant has our value, and its value prints as it", () => {
    expect(constants.length).toBeGreaterThan(700);
    const wrong: string[] = [];
    for (const { name, value } of constants) {
      if (/_(lo|hi|low|high)_user$/.test(name) || NOT_VALUES.test(name) || DISPUTED.has(name)) continue;
      const spelling = RESPELLED[name] ?? name;
      const [, family, print] = familyOf(spelling) ?? [];
      if (family?.[spelling] !== value) wrong.push(`${name} = ${value}, ours ${family?.[spelling]}`);
      const printed = print?.(value) ?? spelling;
      // Where two vendors took one number, the name that prints is another of the same value.
      if (printed !== spelling && family?.[printed] !== value) wrong.push(`${name} prints as ${printed}`);
    }
    expect(wrong).toEqual([]);
  });

  test("the ranges left to vendors begin and end where it says", () => {
    let ranges = 0;
    for (const { name, value } of constants) {
      const [prefix, family, print] = familyOf(name) ?? [];
      if (print === undefined || family === undefined || !/_(lo|low)_user$/.test(name)) continue;
      const high = constants.find((one) => one.name.startsWith(`${prefix}_hi`) && /_user$/.test(one.name));
      const taken = new Set(Object.values(family));
      const end = high?.value ?? 0;
      // The ends have the specification's names, unless a vendor took them.
      if (!taken.has(value)) expect(print(value)).toBe(`${prefix}_lo_user`);
      if (!taken.has(end)) expect(print(end)).toBe(`${prefix}_hi_user`);
      let free = value + 1;
      while (taken.has(free)) free++;
      expect(print(free)).toBe(`${prefix}_lo_user+0x${(free - value).toString(16)}`);
      // Beyond are the opcodes of call frames that hold an operand.
      if (prefix !== "DW_CFA") expect(print(end + 1)).toBe(`${prefix}_0x${(end + 1).toString(16)}`);
      ranges++;
    }
    expect(ranges).toBe(vendorRanges);
  });
});

test("we have no constant that neither header has, save those of known other sources", () => {
  const known = new Set([...elfutils, ...llvm].map(({ name }) => RESPELLED[name] ?? name));
  const later = (name: string) => name.startsWith("DW_LANG_") && (DW_LANG as Family)[name] !== undefined;
  for (const [, family] of FAMILIES) {
    for (const [name, value] of Object.entries(family)) {
      if (known.has(name) || OURS_ALONE.some((pattern) => pattern.test(name))) continue;
      // Languages numbered after DWARF 5 was published.
      if (later(name) && value >= 0x26 && value <= 0x45) continue;
      expect.fail(`${name} is in no source`);
    }
  }
});

/** Values whose name by `print` is not what a tool printed; `printed` has the name where the tool knew one. */
function differences(family: Family, print: Namer, printed: ReadonlyMap<number, string>): string[] {
  const wrong: string[] = [];
  for (const [value, theirs] of printed) {
    const name = RESPELLED[theirs] ?? theirs;
    // An alias of the name that prints is right as well: two vendors took one number.
    if (print(value) !== name && family[name] !== value)
      wrong.push(`${value}: ${name}, ours ${print(value)}`);
  }
  return wrong;
}

describe("an abbreviation table with every tag, attribute and form", () => {
  const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
  const tags = upTo(0xffff);
  const attributes = upTo(0x3fff);
  // Not the one that is followed by its value.
  const forms = upTo(0x20ff).filter((form) => form !== DW_FORM.DW_FORM_implicit_const);
  // elfutils reads a table only for a unit.
  const unit = ".section .debug_info\n.long 8\n.short 4\n.long 0\n.byte 8, 0";
  const table = (name: string, lines: string[]) =>
    assembleData(name, `.section .debug_abbrev\n${lines.join("\n")}\n.byte 0, 0, 0\n${unit}\n`);
  const pairs = table("attributes.o", [
    ...tags.slice(0, -1).map((tag) => `.uleb128 ${tag}, ${tag}\n.byte 0, 0, 0`),
    ".uleb128 0xffff, 0xffff\n.byte 0",
    ...attributes.map((attribute) => `.uleb128 ${attribute}, ${DW_FORM.DW_FORM_data1}`),
  ]);
  const oneOfEach = table("forms.o", [
    ".uleb128 1, 1\n.byte 0",
    ...forms.map((form) => `.uleb128 ${DW_AT.DW_AT_name}, ${form}`),
  ]);

  const firsts = (output: string, pattern: RegExp) =>
    [...output.matchAll(pattern)].map(([, name = ""]) => name).filter((name) => !/value: 0$/.test(name));

  test.each([
    {
      program: "readelf",
      options: ["--debug-dump=abbrev"],
      tag: /^ +\d+ +(\S.*?) +\[/gm,
      attribute: /^ {4}(DW_AT value: \S+|Unknown AT value: \S+|DW_\w+) +\S/gm,
      form: /(DW_FORM\w+|Unknown FORM value: \S+|DW_FORM value: \S+)$/gm,
    },
    {
      program: "llvm-dwarfdump",
      options: ["--debug-abbrev"],
      tag: /^\[\d+\] (\S+)/gm,
      attribute: /^\t(\S+)\t/gm,
      form: /^\t\S+\t(\S+)$/gm,
    },
  ])("is named as $program names it", ({ program, options, tag, attribute, form }) => {
    const output = tool(program, ...options, pairs);
    const kinds = [
      [DW_TAG, tagName, tags, firsts(output, tag)],
      [DW_AT, attributeName, attributes, firsts(output, attribute)],
      [DW_FORM, formName, forms, firsts(tool(program, ...options, oneOfEach), form)],
    ] as const;
    for (const [family, print, values, names] of kinds) {
      expect(names.length).toBe(values.length);
      const known = new Map<number, string>();
      for (const [index, name] of names.entries()) {
        if (!/unknown|value: /i.test(name)) known.set(values[index] ?? 0, name);
      }
      expect(known.size).toBeGreaterThan(40);
      expect(differences(family, print, known)).toEqual([]);
    }
  });

  test("unknown tags and attributes print as eu-readelf prints them", () => {
    const output = tool("eu-readelf", "-N", "--debug-dump=abbrev", pairs);
    const kinds = [
      ["DW_TAG", DW_TAG, tagName, tags, firsts(output, /tag: (.*)$/gm)],
      ["DW_AT", DW_AT, attributeName, attributes, firsts(output, /attr: (.*), form: /g)],
    ] as const;
    for (const [prefix, family, print, values, names] of kinds) {
      expect(names.length).toBe(values.length);
      const ours = new Set<number>(Object.values(family));
      const unknown = values.filter((value) => !ours.has(value));
      expect(unknown.length).toBeGreaterThan(10_000);
      const wrong = unknown.filter((value) => {
        // It prints `lo_user+0x35`, or `??? (0x55)`; and the ends of the range as `lo_user+0` and the like.
        const theirs = (names[value - 1] ?? "").replace(/^\?\?\? \((.*)\)$/, "$1");
        return print(value) !== `${prefix}_${theirs}` && !/_(lo|hi)_user$/.test(print(value));
      });
      expect(wrong.map((value) => [print(value), names[value - 1]])).toEqual([]);
    }
  });
});

test("values of enumerated attributes are named as llvm-dwarfdump names them", () => {
  const enumerated = [
    DW_AT.DW_AT_encoding,
    DW_AT.DW_AT_decimal_sign,
    DW_AT.DW_AT_endianity,
    DW_AT.DW_AT_accessibility,
    DW_AT.DW_AT_visibility,
    DW_AT.DW_AT_virtuality,
    DW_AT.DW_AT_language,
    DW_AT.DW_AT_identifier_case,
    DW_AT.DW_AT_calling_convention,
    DW_AT.DW_AT_inline,
    DW_AT.DW_AT_ordering,
    DW_AT.DW_AT_defaulted,
    DW_AT.DW_AT_APPLE_property_attribute,
  ];
  const values = [...Array(256).keys(), 0x8001, 0x8e57, 0xb000];
  const path = assembleData(
    "values.o",
    `.section .debug_abbrev
    .uleb128 1, ${DW_TAG.DW_TAG_compile_unit}
    .byte ${DW_CHILDREN.DW_CHILDREN_yes}, 0, 0
    .uleb128 2, ${DW_TAG.DW_TAG_base_type}
    .byte ${DW_CHILDREN.DW_CHILDREN_no}
    .uleb128 ${enumerated.map((attribute) => `${attribute}, ${DW_FORM.DW_FORM_data2}`).join(", ")}, 0, 0
    .byte 0
    .section .debug_info
    .long 2f-1f
    1: .short 4
    .long 0
    .byte 8, 1
    ${values.map((value) => `.byte 2\n.short ${enumerated.map(() => value).join(", ")}`).join("\n")}
    .byte 0
    2:
    `,
  );
  const rows = [...tool("llvm-dwarfdump", "--debug-info", path).matchAll(/^ +(DW_AT_\w+)\t\((.*)\)$/gm)];
  expect(rows.length).toBe(values.length * enumerated.length);
  let named = 0;
  for (const [index, [, attribute = "", text = ""]] of rows.entries()) {
    const value = values[Math.floor(index / enumerated.length)] ?? 0;
    const ours = attributeValueName((DW_AT as Family)[attribute] ?? 0, value);
    const [, flags] = /\((.*)\)/.exec(text) ?? [];
    const theirs = flags?.replaceAll("DW_APPLE_PROPERTY_0x", "0x").split(", ").join("|") ?? text;
    // It prints a value without flags as having the first.
    if (!theirs.startsWith("DW_") || (flags !== undefined && value === 0)) continue;
    named++;
    expect(ours).toBe(RESPELLED[theirs] ?? theirs);
  }
  expect(named).toBeGreaterThan(300);
  expect(attributeValueName(DW_AT.DW_AT_byte_size, 4)).toBeUndefined();
});

test("columns of package indexes are named as readelf and llvm-dwarfdump name them", () => {
  // Version 2 has it as 4 bytes, version 5 as 2 bytes and padding: the same in little-endian order.
  const index = (version: number, columns: readonly number[]) =>
    assembleData(
      `index${version}.o`,
      `.section .debug_cu_index
      .long ${version}, ${columns.length}, 1, 2
      .quad 0, 0
      .long 0, 1, ${columns.join(", ")}
      .fill ${2 * columns.length}, 4, 0
      `,
    );
  const columns = (path: string) =>
    /^Index Signature +(.*?) *$/m.exec(tool("llvm-dwarfdump", "--debug-cu-index", path))?.[1]?.split(/ +/);
  const two = Object.values(DW_SECT_V2);
  expect(columns(index(2, two))).toEqual(
    two.map((value) => packageSectionName(value, 2).slice("DW_SECT_".length)),
  );
  const five = Object.values(DW_SECT);
  expect(columns(index(5, five))).toEqual(
    five.map((value) => packageSectionName(value, 5).slice("DW_SECT_".length)),
  );
});

test("pointer encodings are named as gcc comments them", () => {
  const source = "struct S { ~S(); }; void g(); void f() { S s; g(); }";
  const seen = new Set<string>();
  for (const model of ["-fPIC", "-fno-pic", "-mcmodel=large"]) {
    const options = ["-x", "c++", "-S", "-dA", "-fno-dwarf2-cfi-asm", model, "-o", "-", "-"];
    const assembly = execFileSync("g++", options, { input: source, encoding: "utf8" });
    for (const [, value, words = ""] of assembly.matchAll(
      /^\s+\.byte\t(0x[0-9a-f]+|0)\t# .*\(([a-z0-9 ]+)\)$/gm,
    )) {
      const name = words.replaceAll(/(\w+) ?/g, "DW_EH_PE_$1|").slice(0, -1);
      expect(pointerEncodingName(Number(value))).toBe(name);
      seen.add(name);
    }
  }
  expect([...seen]).toContain("DW_EH_PE_indirect|DW_EH_PE_pcrel|DW_EH_PE_sdata4");
  expect(pointerEncodingName(0x67)).toBe("DW_EH_PE_0x60|DW_EH_PE_0x7");
});
