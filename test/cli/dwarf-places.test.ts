/** Addresses of `bindery dwarf`: relocatable, placed, and of linked files, against the linker, llvm-dwarfdump and readelf. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registerName } from "../../src/dwarf/constants/register.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { readelfInstructions, readelfRows } from "../dwarf/read/frame-oracles.ts";
import { printedAttributes, printedBounds } from "../dwarf/read/location-objects.ts";
import {
  groupsOf,
  linkedAtKnownPlaces,
  moved,
  type Pair,
  placeOptions,
  type Shown,
  shown,
} from "./dwarf-support.ts";

const BUILDS = ["gcc", "clang"].flatMap((compiler) =>
  ["-gdwarf-4", "-gdwarf-5"].map((format) => ({
    compiler,
    options: [format, "-O2", "-ffunction-sections", ...(compiler === "clang" ? ["-gdwarf-aranges"] : [])],
  })),
);
const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-places-"));
let pairs: readonly Pair[] = [];
let places: ReadonlyMap<string, bigint> = new Map();
beforeAll(() => {
  ({ pairs, places } = linkedAtKnownPlaces(scratch, BUILDS));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const objects = (): string[] => pairs.map(({ object }) => object);
const linked = (): string[] => pairs.map(({ linked: file }) => file);
/** Without the names of the files. */
const contents = (documents: readonly Shown[]): unknown => documents.map(({ file: _, ...rest }) => rest);

test.each(["info", "lines", "ranges", "locs", "frames", "aranges"])(
  "%s of placed objects, and of others once it is known where sections are, is that of the linked files",
  (subcommand) => {
    const more = subcommand === "frames" ? ["--instructions"] : [];
    const expected = contents(shown(subcommand, ...more, ...linked()));
    const relocatable = shown(subcommand, ...more, ...objects());
    expect(JSON.stringify(relocatable)).toContain('".text.first+0x0"');
    expect(contents(shown(subcommand, ...more, ...placeOptions(places), ...objects()))).toEqual(expected);
    // Thread-local variables count from the start of their block.
    const starts = new Map([...places, [".tdata", 0n] as const]);
    expect(contents(moved(relocatable, starts) as Shown[])).toEqual(expected);
  },
);

interface Entries {
  readonly entries: readonly { readonly offset: number; readonly ranges: readonly Bounds[] }[];
}
interface Bounds {
  readonly begin: string;
  readonly end: string;
  readonly size: number;
}

test("range lists are those that llvm-dwarfdump prints of the linked files", () => {
  const documents = shown("ranges", ...linked());
  for (const [index, file] of linked().entries()) {
    const expected = printedAttributes(file)
      .filter(({ name }) => name === "DW_AT_ranges")
      .flatMap(({ entry, text }) => printedBounds(text).map((bounds) => `${entry} ${bounds}`));
    const low = printedAttributes(file).filter(({ name }) => name === "DW_AT_high_pc");
    const ours = groupsOf<Entries>(documents[index]).flatMap(({ entries }) => entries);
    const listed = ours.filter((entry) => "list" in entry);
    expect(expected.length).toBeGreaterThan(3);
    expect(
      listed.flatMap(({ offset, ranges }) => ranges.map(({ begin, end }) => `${offset} ${begin} ${end}`)),
    ).toEqual(expected);
    expect(ours.filter((entry) => !("list" in entry)).map(({ offset }) => offset)).toEqual(
      low.map(({ entry }) => entry),
    );
    for (const { begin, end, size } of ours.flatMap(({ ranges }) => ranges))
      expect(Number(end) - Number(begin)).toBe(size);
  }
});

interface Attributes {
  readonly attributes: readonly {
    readonly offset: number;
    readonly attribute: string;
    readonly list?: string;
    readonly locations: readonly (Partial<Bounds> & { readonly expression: string })[];
  }[];
}

test("locations are those that llvm-dwarfdump prints of the linked files", () => {
  const documents = shown("locs", ...linked());
  for (const [index, file] of linked().entries()) {
    const ours = groupsOf<Attributes>(documents[index]).flatMap(({ attributes }) =>
      attributes.flatMap(({ offset, attribute, locations }) =>
        locations.map(({ begin, end, expression }) =>
          [offset, attribute, begin ?? "", end ?? "", expression].join(" "),
        ),
      ),
    );
    const addresses = indexedAddresses(file);
    const expected = printedAttributes(file)
      .filter(({ name, form }) => isLocation(name) && /exprloc|sec_offset|loclistx/.test(form))
      .flatMap(({ entry, name, form, text }) => {
        const lines = /exprloc/.test(form) ? [text] : text.split("\n").slice(1);
        return lines.map((line) => {
          const bounds = printedBounds(line)[0] ?? " ";
          return `${entry} ${name} ${bounds} ${plain(line.replace(/^\[0x\w+, 0x\w+\): /, ""), addresses)}`;
        });
      });
    expect(expected.length).toBeGreaterThan(60);
    // It gives up at operations of GNU; test/dwarf/read/expression.test.ts has those by readelf.
    const comparable = ours.map((line, at) => {
      const [start, rest] = (expected[at] ?? "").split("<decoding error>");
      return rest !== undefined && line.startsWith(start ?? "") ? expected[at] : line;
    });
    expect(comparable).toEqual(expected);
  }
});

function isLocation(name: string): boolean {
  return /^DW_AT_(location|frame_base|GNU_call_site_value|call_value|call_target|GNU_call_site_target)$/.test(
    name,
  );
}

/** llvm-dwarfdump names base types beside their offsets, and prints the indices of addresses. */
function plain(line: string, addresses: readonly string[]): string {
  return line
    .replace(/\(0x[0-9a-f]+ -> (0x[0-9a-f]+)\)( "[^"]*")?/g, "($1)")
    .replace(/(?<=DW_OP_addrx )0x[0-9a-f]+/, (index) => addresses[Number(index)] ?? index);
}

/** The addresses of the only table of `.debug_addr`. */
function indexedAddresses(file: string): string[] {
  const text = execFileSync("llvm-dwarfdump", ["--debug-addr", file], { encoding: "utf8" });
  return [...text.matchAll(/^0x([0-9a-f]{16})$/gm)].map(
    ([, digits]) => `0x${BigInt(`0x${digits}`).toString(16)}`,
  );
}

interface Frames {
  readonly section: string;
  readonly entries: readonly {
    readonly kind: "CIE" | "FDE";
    readonly offset: number;
    readonly cie: number;
    readonly begin: string;
    readonly size: number;
    readonly rows: readonly {
      readonly address: string;
      readonly cfa: string;
      readonly registers: Readonly<Record<string, string>>;
    }[];
    readonly instructions: readonly string[];
  }[];
}

describe("frames", () => {
  const numbers = new Map(
    Array.from({ length: 17 }, (_, at) => [registerName(EM.EM_X86_64, at), at] as const),
  );

  test("have the rows and instructions that readelf prints of the linked files", () => {
    const documents = shown("frames", "--instructions", ...linked());
    for (const [index, file] of linked().entries()) {
      const sections = groupsOf<Frames>(documents[index]);
      const fdes = sections.flatMap(({ entries }) => entries.filter(({ kind }) => kind === "FDE"));
      const rows = fdes.map(({ offset, cie, begin, size, rows: table }) => ({
        section: ".eh_frame",
        offset,
        cie,
        start: BigInt(begin),
        size,
        lines: table.map(({ address, cfa, registers }) => {
          const [, base = "", distance = ""] = /^(\w+)([-+]\d+)$/.exec(cfa) ?? [];
          const rules = Object.entries(registers).map(([name, rule]) => `${numbers.get(name)}=${rule}`);
          return [`${address.slice(2)}:`, `${numbers.get(base)}${distance}`, ...rules].join(" ");
        }),
      }));
      expect(rows.length).toBeGreaterThan(3);
      expect(rows).toEqual(readelfRows(file));
      const withoutNames = (line: string): string => line.replaceAll(/(\br\d+) \([^()]*\)/g, "$1").trimEnd();
      const expected = readelfInstructions(file).flatMap(({ lines }) => lines);
      const ours = sections.flatMap(({ entries }) => entries.flatMap(({ instructions }) => instructions));
      const padded = (line: string): string =>
        line.replace(/ to 0x([0-9a-f]+)$/, (_, place: string) => ` to ${place.padStart(16, "0")}`);
      expect(ours.map((line) => padded(withoutNames(line)))).toEqual(expected);
    }
  });

  test("at a pc is the row that the table has for it, in both kinds of file", () => {
    const [{ object = "", linked: file = "" } = {}] = pairs;
    const [all] = shown("frames", file);
    const fde = groupsOf<Frames>(all)[0]?.entries.find(
      (entry) => entry.kind === "FDE" && entry.rows.length > 4,
    );
    const row = fde?.rows[3];
    const name = [...places].find(([, address]) => address === BigInt(fde?.begin ?? 0))?.[0];
    const distance = BigInt(row?.address ?? 0) - BigInt(fde?.begin ?? 0);
    const found = [
      shown("frames", "--pc", row?.address ?? "", file),
      shown("frames", "--pc", `${name}+${distance}`, ...placeOptions(places), object),
      shown("frames", "--pc", row?.address ?? "", ...placeOptions(places), object),
    ];
    for (const [document] of found) {
      const entries = groupsOf<Frames>(document).flatMap((section) => section.entries);
      expect(entries.map(({ kind, offset }) => [kind, offset])).toEqual([
        ["CIE", fde?.cie],
        ["FDE", fde?.offset],
      ]);
      expect(entries[1]?.rows).toEqual([row]);
    }
  });
});
