/** What the printers of all parts share: the file, how names are shown, and numbers in readelf's widths. */
import { demangle } from "../../elf/demangle/index.ts";
import type { ElfFile } from "../../elf/index.ts";

/** Lines of text without their line ends. */
export type Lines = Generator<string, void, undefined>;

/** A file and how to show it. */
export interface View {
  readonly elf: ElfFile;
  /** A name as it is to be printed. */
  readonly name: (name: string) => string;
  /** Other parts that were asked for too, which makes some introductions superfluous. */
  readonly withHeader: boolean;
}

/** @param demangled show C++ and Rust names as in their source */
export function makeView(elf: ElfFile, demangled: boolean, withHeader: boolean): View {
  return { elf, withHeader, name: demangled ? demangle : (name) => name };
}

/** Hexadecimal without prefix, padded with zeros. */
export function hex(value: bigint | number, width = 1): string {
  return value.toString(16).padStart(width, "0");
}

/** An address in the file's own width. */
export function address(elf: ElfFile, value: bigint | number): string {
  return hex(value, elf.header.is64 ? 16 : 8);
}

/** A 64-bit value in JSON: exact, and told apart from a count. */
export function jsonHex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** A constant in JSON. */
export function jsonConstant(value: number, name: string): { value: number; name: string } {
  return { value, name };
}

/** A constant's name without the prefix of its family, as readelf prints it. */
export function bare(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** `s` unless there is one. */
export function plural(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}
