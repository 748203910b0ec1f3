/**
 * `bindery/asm`: x86-64 machine code from text and back.
 *
 * On top of iced-x86, which encodes, decodes and formats but reads no text.
 */
export { AsmError, type AsmErrorCode } from "../errors.ts";
export {
  type AssembleOptions,
  type Assembly,
  assemble,
  assembleWithLabels,
} from "./assemble.ts";
export { type DisassembledLine, type DisassembleOptions, disassemble } from "./disassemble.ts";
export { mnemonics } from "./opcode.ts";
export { parseNumber } from "./token.ts";
