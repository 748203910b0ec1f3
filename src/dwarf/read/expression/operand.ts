/** Operands of the operations of expressions [DWARF5 7.7.1, table 7.9]. */
import { EM } from "../../../elf/constants/machine.ts";
import { DW_OP } from "../../constants/operation.ts";

/** How an operand is written. */
export const FORM = {
  u1: 1,
  s1: 2,
  u2: 3,
  s2: 4,
  u4: 5,
  s4: 6,
  u8: 7,
  s8: 8,
  uleb: 9,
  sleb: 10,
  /** Of the size of an address. */
  address: 11,
  /** An offset in `.debug_info`: of the size of an offset, in DWARF 2 of an address. */
  reference: 12,
  /** Bytes, their number before them as a LEB128. */
  block: 13,
  /** Bytes, their number before them in a byte. */
  block1: 14,
  /** A byte that says how the value behind it is written, a `DW_EH_PE_`. */
  encoded: 15,
  /** An index whose size the operand before it decides. */
  wasmIndex: 16,
  /** An operation of its own, with its own operands. */
  suboperation: 17,
} as const;

/** The operations of LLVM behind `DW_OP_LLVM_user` [AMDGPU user guide, "DWARF extensions", table 8]. */
const LLVM_SUBOPERATIONS: ReadonlyMap<number, readonly [name: string, ...operands: number[]]> = new Map([
  [0x01, ["DW_OP_LLVM_nop"]],
  [0x02, ["DW_OP_LLVM_form_aspace_address"]],
  [0x03, ["DW_OP_LLVM_push_lane"]],
  [0x04, ["DW_OP_LLVM_offset"]],
  [0x05, ["DW_OP_LLVM_offset_uconst", FORM.uleb]],
  [0x06, ["DW_OP_LLVM_bit_offset"]],
  [0x07, ["DW_OP_LLVM_call_frame_entry_reg", FORM.uleb]],
  [0x08, ["DW_OP_LLVM_undefined"]],
  [0x09, ["DW_OP_LLVM_aspace_bregx", FORM.uleb, FORM.sleb]],
  [0x0a, ["DW_OP_LLVM_piece_end"]],
  [0x0b, ["DW_OP_LLVM_extend", FORM.uleb, FORM.uleb]],
  [0x0c, ["DW_OP_LLVM_select_bit_piece", FORM.uleb, FORM.uleb]],
  [0x0d, ["DW_OP_LLVM_aspace_implicit_pointer", FORM.reference, FORM.sleb]],
]);

const { u1, s1, u2, s2, u4, s4, u8, s8, uleb, sleb, address, reference, block, block1 } = FORM;
const NONE: readonly number[] = [];
const OFFSET: readonly number[] = [sleb];

const WITH_OPERANDS: ReadonlyMap<number, readonly number[]> = new Map<number, readonly number[]>([
  [DW_OP.DW_OP_addr, [address]],
  [DW_OP.DW_OP_const1u, [u1]],
  [DW_OP.DW_OP_const1s, [s1]],
  [DW_OP.DW_OP_const2u, [u2]],
  [DW_OP.DW_OP_const2s, [s2]],
  [DW_OP.DW_OP_const4u, [u4]],
  [DW_OP.DW_OP_const4s, [s4]],
  [DW_OP.DW_OP_const8u, [u8]],
  [DW_OP.DW_OP_const8s, [s8]],
  [DW_OP.DW_OP_constu, [uleb]],
  [DW_OP.DW_OP_consts, [sleb]],
  [DW_OP.DW_OP_pick, [u1]],
  [DW_OP.DW_OP_plus_uconst, [uleb]],
  [DW_OP.DW_OP_bra, [s2]],
  [DW_OP.DW_OP_skip, [s2]],
  [DW_OP.DW_OP_regx, [uleb]],
  [DW_OP.DW_OP_fbreg, [sleb]],
  [DW_OP.DW_OP_bregx, [uleb, sleb]],
  [DW_OP.DW_OP_piece, [uleb]],
  [DW_OP.DW_OP_deref_size, [u1]],
  [DW_OP.DW_OP_xderef_size, [u1]],
  [DW_OP.DW_OP_call2, [u2]],
  [DW_OP.DW_OP_call4, [u4]],
  [DW_OP.DW_OP_call_ref, [reference]],
  [DW_OP.DW_OP_bit_piece, [uleb, uleb]],
  [DW_OP.DW_OP_implicit_value, [block]],
  [DW_OP.DW_OP_implicit_pointer, [reference, sleb]],
  [DW_OP.DW_OP_addrx, [uleb]],
  [DW_OP.DW_OP_constx, [uleb]],
  [DW_OP.DW_OP_entry_value, [block]],
  [DW_OP.DW_OP_const_type, [uleb, block1]],
  [DW_OP.DW_OP_regval_type, [uleb, uleb]],
  [DW_OP.DW_OP_deref_type, [u1, uleb]],
  [DW_OP.DW_OP_xderef_type, [u1, uleb]],
  [DW_OP.DW_OP_convert, [uleb]],
  [DW_OP.DW_OP_reinterpret, [uleb]],
  [DW_OP.DW_OP_GNU_encoded_addr, [u1, FORM.encoded]],
  [DW_OP.DW_OP_GNU_implicit_pointer, [reference, sleb]],
  [DW_OP.DW_OP_GNU_entry_value, [block]],
  [DW_OP.DW_OP_GNU_const_type, [uleb, block1]],
  [DW_OP.DW_OP_GNU_regval_type, [uleb, uleb]],
  [DW_OP.DW_OP_GNU_deref_type, [u1, uleb]],
  [DW_OP.DW_OP_GNU_convert, [uleb]],
  [DW_OP.DW_OP_GNU_reinterpret, [uleb]],
  [DW_OP.DW_OP_GNU_parameter_ref, [u4]],
  [DW_OP.DW_OP_GNU_addr_index, [uleb]],
  [DW_OP.DW_OP_GNU_const_index, [uleb]],
  [DW_OP.DW_OP_GNU_variable_value, [reference]],
  [DW_OP.DW_OP_INTEL_bit_piece, [uleb, uleb]],
  [DW_OP.DW_OP_LLVM_user, [FORM.suboperation]],
  [DW_OP.DW_OP_AARCH64_operation, [uleb]],
  [DW_OP.DW_OP_WASM_location, [uleb, FORM.wasmIndex]],
  [DW_OP.DW_OP_WASM_location_int, [uleb, u4]],
]);

/** By opcode; `undefined` where there is no such operation. */
const OPERANDS: readonly (readonly number[] | undefined)[] = table(Object.values(DW_OP), WITH_OPERANDS);

/** On AMD's processors the numbers that elsewhere are HP's and Intel's mean other operations. */
const AMD: ReadonlyMap<number, string> = new Map(
  Object.entries(DW_OP)
    .filter(([name, value]) => name.startsWith("DW_OP_LLVM_") && value !== DW_OP.DW_OP_LLVM_user)
    .map(([name, value]) => [value, name]),
);
const AMD_OPERANDS = table(
  Object.values(DW_OP),
  new Map([
    ...WITH_OPERANDS,
    [DW_OP.DW_OP_LLVM_offset_uconst, [uleb]],
    [DW_OP.DW_OP_LLVM_call_frame_entry_reg, [uleb]],
    [DW_OP.DW_OP_LLVM_aspace_bregx, [uleb, sleb]],
  ]),
);

function table(
  operations: readonly number[],
  operands: ReadonlyMap<number, readonly number[]>,
): readonly (readonly number[] | undefined)[] {
  const rows: (readonly number[] | undefined)[] = new Array(0x100).fill(undefined);
  for (const operation of operations) {
    const isBased = operation >= DW_OP.DW_OP_breg0 && operation <= DW_OP.DW_OP_breg31;
    rows[operation] = isBased ? OFFSET : (operands.get(operation) ?? NONE);
  }
  return rows;
}

/** How the operands of each operation are written on a machine, by opcode. */
export function operandForms(machine: number): readonly (readonly number[] | undefined)[] {
  return machine === EM.EM_AMDGPU ? AMD_OPERANDS : OPERANDS;
}

/** The name that an opcode has only on a machine; `undefined` when it is the one it has everywhere. */
export function machineOperationName(machine: number, opcode: number): string | undefined {
  return machine === EM.EM_AMDGPU ? AMD.get(opcode) : undefined;
}

/** How the operands of an operation behind `DW_OP_LLVM_user` are written; `undefined` where there is no such one. */
export function suboperationForms(suboperation: number): readonly number[] | undefined {
  const [, ...forms] = LLVM_SUBOPERATIONS.get(suboperation) ?? [undefined];
  return LLVM_SUBOPERATIONS.has(suboperation) ? forms : undefined;
}

/** `DW_OP_LLVM_extend`. */
export function suboperationName(suboperation: number): string {
  return LLVM_SUBOPERATIONS.get(suboperation)?.[0] ?? `0x${suboperation.toString(16)}`;
}
