/** `bindery dwarf info`: entries and attributes. */
import { attributeName } from "../../dwarf/constants/attribute.ts";
import { formName } from "../../dwarf/constants/form.ts";
import { tagName } from "../../dwarf/constants/tag.ts";
import { unitTypeName } from "../../dwarf/constants/unit.ts";
import { Dwarf, type DwarfUnit } from "../../dwarf/dwarf.ts";
import { dwarfError } from "../../dwarf/place.ts";
import type { EntryBatch } from "../../dwarf/read/batch.ts";
import { EntryCursor } from "../../dwarf/read/cursor.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { allInputs, type Input } from "../inputs.ts";
import { jsonPieces } from "../json.ts";
import { describe, Output } from "../output.ts";
import type { InfoOptions } from "./options.ts";
import { valueText } from "./value.ts";

/** @returns the exit status */
export function showInfo(files: readonly string[], options: InfoOptions): number {
  if (options.stats === true) return showStats(files, options);
  return options.json === true ? showJson(files, options) : showText(files, options);
}

function showText(files: readonly string[], options: InfoOptions): number {
  const out = new Output();
  let status = EXIT_OK;
  const fail = (name: string, error: unknown): void => {
    status = EXIT_FAILURE;
    out.flush();
    process.stderr.write(`bindery: ${describe(name, error).message}\n`);
  };
  for (const input of allInputs(files)) {
    if (files.length > 1 || !files.includes(input.name)) out.line(`\nFile: ${input.name}`);
    for (const unit of unitsOf(input, options, (error) => fail(input.name, error))) {
      try {
        out.line(`\n${unitLine(unit)}`);
        for (const at of entriesOf(unit, options)) printEntry(out, unit, at);
      } catch (error) {
        fail(input.name, error);
      }
    }
  }
  out.flush();
  return status;
}

function unitLine({ reader, header }: DwarfUnit): string {
  const { offset, unitType, version, offsetSize, addressSize } = header;
  const place = `${reader.section.section}+0x${offset.toString(16)}`;
  return `${place}: ${unitTypeName(unitType)}, DWARF ${version}, ${8 * offsetSize}-bit format, ${addressSize}-byte addresses`;
}

function printEntry(out: Output, unit: DwarfUnit, at: EntryCursor): void {
  const indent = "  ".repeat(at.depth);
  out.line(`0x${at.offset.toString(16).padStart(8, "0")}: ${indent}${tagName(at.tag)}`);
  while (at.nextAttribute()) {
    out.line(`${" ".repeat(12)}${indent}  ${attributeName(at.attribute).padEnd(24)} ${valueText(unit, at)}`);
  }
}

/** An entry as JSON. */
interface Tree {
  readonly offset: number;
  readonly tag: string;
  readonly attributes: { readonly name: string; readonly form: string; readonly value: string }[];
  readonly children: Tree[];
}

function showJson(files: readonly string[], options: InfoOptions): number {
  let status = EXIT_OK;
  const documents: unknown[] = [];
  for (const input of allInputs(files)) {
    const errors: unknown[] = [];
    const fail = (error: unknown): void => {
      errors.push(describe(input.name, error));
      status = EXIT_FAILURE;
    };
    const units: unknown[] = [];
    for (const unit of unitsOf(input, options, fail)) {
      const dies: Tree[] = [];
      try {
        collect(unit, options, dies);
      } catch (error) {
        fail(error);
      }
      const { offset, unitType, version, offsetSize, addressSize } = unit.header;
      const section = unit.reader.section.section;
      units.push({ section, offset, type: unitTypeName(unitType), version, offsetSize, addressSize, dies });
    }
    documents.push({ file: input.name, units, ...(errors.length === 0 ? {} : { errors }) });
  }
  const out = new Output();
  for (const piece of jsonPieces(documents)) out.write(piece);
  out.line("");
  out.flush();
  return status;
}

function collect(unit: DwarfUnit, options: InfoOptions, roots: Tree[]): void {
  const open: Tree[][] = [];
  let top: number | undefined;
  for (const at of entriesOf(unit, options)) {
    top ??= at.depth;
    const tree: Tree = { offset: at.offset, tag: tagName(at.tag), attributes: [], children: [] };
    const { depth } = at;
    while (at.nextAttribute()) {
      const [name, form] = [attributeName(at.attribute), formName(at.form)];
      tree.attributes.push({ name, form, value: valueText(unit, at) });
    }
    (depth === top ? roots : open[depth - 1])?.push(tree);
    open[depth] = tree.children;
  }
}

/** Every attribute value is decoded and counted. */
function showStats(files: readonly string[], options: InfoOptions): number {
  let status = EXIT_OK;
  const count = { units: 0, dies: 0, attributes: 0 };
  let batch: EntryBatch | undefined;
  for (const input of allInputs(files)) {
    const fail = (error: unknown): void => {
      status = EXIT_FAILURE;
      process.stderr.write(`bindery: ${describe(input.name, error).message}\n`);
    };
    for (const unit of unitsOf(input, options, fail)) {
      try {
        count.units++;
        batch = unit.batch(batch);
        while (batch.fill() > 0) {
          count.dies += batch.count;
          count.attributes += batch.firstValues[batch.count] ?? 0;
        }
      } catch (error) {
        fail(error);
      }
    }
  }
  const { units, dies, attributes } = count;
  const text =
    options.json === true
      ? JSON.stringify(count)
      : `${units} units, ${dies} entries, ${attributes} attributes`;
  process.stdout.write(`${text}\n`);
  return status;
}

/** The units that are asked for. What can't be read is told, and the rest goes on where it can. */
function* unitsOf(
  input: Input,
  options: InfoOptions,
  fail: (error: unknown) => void,
): IterableIterator<DwarfUnit> {
  if (input.elf === undefined) {
    fail(input.error);
    return;
  }
  try {
    let index = 0;
    for (const unit of Dwarf.open(input.elf).units()) {
      const { offset, end } = unit.header;
      const wanted = options.unit === undefined || options.unit === index;
      const holds = options.die === undefined || (options.die >= offset && options.die < end);
      if (wanted && holds) yield unit;
      index++;
    }
  } catch (error) {
    fail(error);
  }
}

/** A cursor at each entry that is asked for. */
function* entriesOf(unit: DwarfUnit, options: InfoOptions): IterableIterator<EntryCursor> {
  const { reader, header, abbrevs } = unit;
  const { die, depth: most = Number.POSITIVE_INFINITY } = options;
  if (die !== undefined && !unit.parents.has(die)) {
    throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", die, "no entry begins here");
  }
  const at = die === undefined ? unit.entries() : new EntryCursor(reader, header, abbrevs, die);
  let more = at.next();
  for (let first = true; more && (first || die === undefined || at.depth > 0); first = false) {
    if (at.depth <= most) yield at;
    more = at.depth >= most ? at.nextSibling() : at.next();
  }
}
