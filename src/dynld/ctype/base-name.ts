/** Names of C's numbers, which each compiler and language spells in its own way. */
import { DW_ATE } from "../../dwarf/constants/base-type.ts";
import type { CEncoding } from "../ctype.ts";

const WORDS = new Set(["signed", "unsigned", "long", "short", "int", "char", "__int128"]);

/** Names that mean one of C; those of Rust as its reference maps them, for 64-bit machines. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["_Bool", "bool"],
  ["i8", "signed char"],
  ["u8", "unsigned char"],
  ["i16", "short"],
  ["u16", "unsigned short"],
  ["i32", "int"],
  ["u32", "unsigned int"],
  ["i64", "long"],
  ["u64", "unsigned long"],
  ["isize", "long"],
  ["usize", "unsigned long"],
  ["i128", "__int128"],
  ["u128", "unsigned __int128"],
  ["f32", "float"],
  ["f64", "double"],
  ["__float128", "_Float128"],
  ["nullptr_t", "decltype(nullptr)"],
]);

/** `unsigned long` of `long unsigned int`; names that C does not have as they are. @param size bytes */
export function baseName(name: string, size: number): string {
  const other = OTHER_NAMES.get(name);
  if (other !== undefined) return other;
  if (name === "complex") return `_Complex ${size === 8 ? "float" : size === 16 ? "double" : "long double"}`;
  if (name.startsWith("complex ")) return name.replace("complex", "_Complex");
  const words = name.split(" ");
  if (!words.every((word) => WORDS.has(word))) return name;
  const count = (word: string): number => words.filter((one) => one === word).length;
  const isUnsigned = count("unsigned") > 0;
  const sign = isUnsigned ? "unsigned " : "";
  if (count("char") > 0) return `${count("signed") > 0 ? "signed " : sign}char`;
  if (count("__int128") > 0) return `${sign}__int128`;
  const longs = count("long");
  return sign + (count("short") > 0 ? "short" : longs === 0 ? "int" : longs === 1 ? "long" : "long long");
}

/** What a `DW_ATE_` value says of the bytes. */
export function encodingOf(value: number): CEncoding {
  switch (value) {
    case DW_ATE.DW_ATE_boolean:
      return "bool";
    case DW_ATE.DW_ATE_signed:
    case DW_ATE.DW_ATE_signed_char:
      return "signed";
    case DW_ATE.DW_ATE_unsigned:
    case DW_ATE.DW_ATE_unsigned_char:
    case DW_ATE.DW_ATE_address:
      return "unsigned";
    case DW_ATE.DW_ATE_float:
      return "float";
    case DW_ATE.DW_ATE_complex_float:
      return "complex";
    case DW_ATE.DW_ATE_UTF:
    case DW_ATE.DW_ATE_UCS:
    case DW_ATE.DW_ATE_ASCII:
      return "character";
    case DW_ATE.DW_ATE_decimal_float:
      return "decimal";
    default:
      return "other";
  }
}

/** A name with template arguments, in which numbers are called as {@link baseName} does: compilers spell them differently. */
export function templateName(name: string): string {
  if (!name.includes("<")) return name;
  return name
    .replace(/\b(?:(?:signed|unsigned|long|short|int|char|__int128)(?: |\b))+/g, (words) => {
      const trimmed = words.trimEnd();
      return baseName(trimmed, 0) + (words.length > trimmed.length ? " " : "");
    })
    .replace(/\b(\d+)[uU]?[lL]{0,2}(?=[,>\s])/g, "$1")
    .replaceAll(/\s*,\s*/g, ", ")
    .replaceAll(/\s+>/g, ">")
    .replaceAll(/(?<=[\w>*&])\s+\(/g, "(")
    .replaceAll(/\s+([*&])/g, "$1");
}
