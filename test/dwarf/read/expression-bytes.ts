/** Expressions of bytes, in an ELF file written by hand that holds nothing else. */
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import type { Expression } from "../../../src/dwarf/read/expression/expression.ts";
import { ElfFile } from "../../../src/elf/file.ts";

const HEADER = 64;
const SECTION_HEADER = 64;
const NAMES = "\0.debug_test\0.shstrtab\0";

/** How the file is that holds the expression. */
export interface Form {
  readonly little?: boolean;
  readonly machine?: number;
  readonly addressSize?: number;
  readonly version?: number;
  readonly offsetSize?: 4 | 8;
}

const EM_X86_64 = 62;

export function expressionOf(bytes: readonly number[], form: Form = {}): Expression {
  const { little = true, machine = EM_X86_64, addressSize = 8, version = 5, offsetSize = 4 } = form;
  const namesAt = HEADER + bytes.length;
  const table = namesAt + NAMES.length;
  const file = new Uint8Array(table + 3 * SECTION_HEADER);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1]);
  view.setUint16(16, 2, little);
  view.setUint16(18, machine, little);
  view.setUint32(20, 1, little);
  view.setBigUint64(40, BigInt(table), little);
  view.setUint16(52, HEADER, little);
  view.setUint16(58, SECTION_HEADER, little);
  view.setUint16(60, 3, little);
  view.setUint16(62, 2, little);
  file.set(bytes, HEADER);
  file.set(new TextEncoder().encode(NAMES), namesAt);
  const section = (index: number, name: number, type: number, offset: number, size: number): void => {
    const at = table + index * SECTION_HEADER;
    view.setUint32(at, name, little);
    view.setUint32(at + 4, type, little);
    view.setBigUint64(at + 24, BigInt(offset), little);
    view.setBigUint64(at + 32, BigInt(size), little);
    view.setBigUint64(at + 48, 1n, little);
  };
  section(1, 1, 1, HEADER, bytes.length);
  section(2, 13, 3, namesAt, NAMES.length);
  const dwarf = Dwarf.open(ElfFile.open(file, { name: "expression" }));
  const found = dwarf.sections.first("debug_test");
  if (found === undefined) throw new Error("the file has no section of expressions");
  const encoding = { version, addressSize, offsetSize };
  return { reader: dwarf.reader(found), offset: 0, length: bytes.length, encoding, unit: undefined };
}
