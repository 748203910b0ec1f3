/** Call frame tables: which rules hold at which instruction [DWARF5 6.4.3]. */
import { EM } from "../../../elf/constants/machine.ts";
import { callFrameName, DW_CFA } from "../../constants/frame.ts";
import { dwarfError } from "../../place.ts";
import type { Cie, Fde } from "./entry.ts";
import { FrameInstructionCursor } from "./instruction.ts";
import { FrameState, REGISTER_LIMIT, RULE } from "./state.ts";

/** Instructions of one entry; the largest functions known have some tens of thousands. */
const INSTRUCTION_LIMIT = 1 << 22;
/** AArch64's pseudo-register that says whether the return address is signed [AADWARF64, "DWARF register names"]. */
const RA_SIGN_STATE = 34;
/** SPARC's local and input registers, which `save` puts into the window. */
const FIRST_WINDOW_REGISTER = 16;
const END_WINDOW_REGISTER = 32;

/** The state that a CIE's own instructions leave; made once. */
const initialStates = new WeakMap<Cie, FrameState>();

/**
 * The rows of an FDE, one after the other. The current row's rules are read from {@link state}; nothing is made while the
 * cursor moves, and it may be used for many FDEs.
 */
export class FrameRows {
  /** First byte of the row, from the start of the FDE. */
  start = 0;
  /** Behind its last byte; of the last row, the end of the FDE. */
  end = 0;
  /** The rules. They change when the cursor moves. */
  readonly state = new FrameState();
  #fde: Fde;
  #initial: FrameState;
  readonly #instructions: FrameInstructionCursor;
  /** Where the next row begins. */
  #location = 0;
  #count = 0;
  /** The last row was given. */
  #done = false;

  /** @throws DwarfError if the CIE's instructions are malformed */
  constructor(fde: Fde) {
    this.#fde = fde;
    this.#instructions = new FrameInstructionCursor(fde.cie, fde.instructions, fde.end);
    this.#initial = initialState(fde.cie);
    this.state.copy(this.#initial);
  }

  get cie(): Cie {
    return this.#fde.cie;
  }

  /** Begins again, with another FDE. @throws DwarfError if the CIE's instructions are malformed */
  reset(fde: Fde): void {
    this.#fde = fde;
    this.#instructions.reset(fde.cie, fde.instructions, fde.end);
    this.#initial = initialState(fde.cie);
    this.state.copy(this.#initial);
    this.start = 0;
    this.end = 0;
    this.#location = 0;
    this.#count = 0;
    this.#done = false;
  }

  /**
   * Moves to the next row. Rows of no bytes are passed over, save the last.
   * @returns false behind the last
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE, DWARF_UNSUPPORTED, DWARF_LOOP for more instructions or saved rows
   *   than any compiler makes
   */
  next(): boolean {
    if (this.#done) return false;
    const at = this.#instructions;
    this.start = this.#location;
    while (at.next()) {
      if (++this.#count > INSTRUCTION_LIMIT) throw this.#error("DWARF_LOOP", "too many instructions");
      if (!isAdvance(at.opcode)) {
        apply(this.#fde.cie, at, this.state, this.#initial);
        continue;
      }
      const to =
        at.opcode === DW_CFA.DW_CFA_set_loc ? this.#setLocation(at.value) : this.#location + at.value;
      this.#location = to;
      if (to > this.start) {
        this.end = to;
        return true;
      }
      this.start = to;
    }
    this.#done = true;
    this.end = Math.max(this.start, this.#fde.size);
    return true;
  }

  /** Moves to the row that holds at an offset from the start of the FDE. @returns false if none does */
  seek(offset: number): boolean {
    this.reset(this.#fde);
    while (this.next()) if (offset >= this.start && offset < this.end) return true;
    return false;
  }

  #setLocation(at: number): number {
    const { cie, start } = this.#fde;
    const distance = cie.pointers.at(at).minus(start);
    const to = Number(distance ?? -1n);
    if (to >= this.#location) return to;
    const what = distance === undefined ? "an address elsewhere" : "an address before the row's";
    throw this.#error("DWARF_BAD_VALUE", `DW_CFA_set_loc: found ${what}`);
  }

  #error(code: "DWARF_BAD_VALUE" | "DWARF_LOOP", what: string): Error {
    return dwarfError(this.#fde.context.reader.section, code, this.#instructions.offset, what);
  }
}

function isAdvance(opcode: number): boolean {
  switch (opcode) {
    case DW_CFA.DW_CFA_advance_loc:
    case DW_CFA.DW_CFA_advance_loc1:
    case DW_CFA.DW_CFA_advance_loc2:
    case DW_CFA.DW_CFA_advance_loc4:
    case DW_CFA.DW_CFA_MIPS_advance_loc8:
    case DW_CFA.DW_CFA_set_loc:
      return true;
    default:
      return false;
  }
}

function initialState(cie: Cie): FrameState {
  let state = initialStates.get(cie);
  if (state === undefined) {
    state = new FrameState();
    const at = new FrameInstructionCursor(cie);
    for (let count = 0; at.next(); count++) {
      if (count >= INSTRUCTION_LIMIT) throw instructionError(cie, at, "DWARF_LOOP", "too many instructions");
      if (isAdvance(at.opcode)) throw instructionError(cie, at, "DWARF_BAD_VALUE", "found it in a CIE");
      apply(cie, at, state, undefined);
    }
    initialStates.set(cie, state);
  }
  return state;
}

/** Applies an instruction that begins no row. `initial`: the CIE's rules, while not being found themselves. */
function apply(
  cie: Cie,
  at: FrameInstructionCursor,
  state: FrameState,
  initial: FrameState | undefined,
): void {
  const { register, value } = at;
  if (register >= REGISTER_LIMIT) {
    throw instructionError(cie, at, "DWARF_BAD_VALUE", `register ${register}: no machine has as many`);
  }
  switch (at.opcode) {
    case DW_CFA.DW_CFA_nop:
      return;
    case DW_CFA.DW_CFA_offset:
    case DW_CFA.DW_CFA_offset_extended:
    case DW_CFA.DW_CFA_offset_extended_sf:
    case DW_CFA.DW_CFA_GNU_negative_offset_extended:
      state.set(register, RULE.offset, value);
      return;
    case DW_CFA.DW_CFA_restore:
    case DW_CFA.DW_CFA_restore_extended:
      if (initial === undefined) throw instructionError(cie, at, "DWARF_BAD_VALUE", "found it in a CIE");
      state.set(register, initial.kind(register), initial.value(register), initial.length(register));
      return;
    case DW_CFA.DW_CFA_undefined:
      state.set(register, RULE.undefined);
      return;
    case DW_CFA.DW_CFA_same_value:
      state.set(register, RULE.same_value);
      return;
    case DW_CFA.DW_CFA_register:
      state.set(register, RULE.register, value);
      return;
    case DW_CFA.DW_CFA_val_offset:
    case DW_CFA.DW_CFA_val_offset_sf:
      state.set(register, RULE.val_offset, value);
      return;
    case DW_CFA.DW_CFA_expression:
      state.set(register, RULE.expression, value, at.extra);
      return;
    case DW_CFA.DW_CFA_val_expression:
      state.set(register, RULE.val_expression, value, at.extra);
      return;
    case DW_CFA.DW_CFA_remember_state:
      if (!state.remember()) throw instructionError(cie, at, "DWARF_LOOP", "too many rows are saved");
      return;
    case DW_CFA.DW_CFA_restore_state:
      if (!state.restore()) throw instructionError(cie, at, "DWARF_BAD_VALUE", "found no saved row");
      return;
    case DW_CFA.DW_CFA_GNU_args_size:
      state.argumentsSize = value;
      return;
    case DW_CFA.DW_CFA_GNU_window_save:
      saveWindow(cie, at, state);
      return;
    default:
      applyToCfa(cie, at, state);
  }
}

function applyToCfa(cie: Cie, at: FrameInstructionCursor, state: FrameState): void {
  const { opcode, register, value } = at;
  switch (opcode) {
    case DW_CFA.DW_CFA_def_cfa:
    case DW_CFA.DW_CFA_def_cfa_sf:
    case DW_CFA.DW_CFA_LLVM_def_aspace_cfa:
    case DW_CFA.DW_CFA_LLVM_def_aspace_cfa_sf:
      state.cfaKind = RULE.register;
      state.cfaRegister = register;
      state.cfaValue = value;
      state.cfaSpace = at.extra;
      return;
    case DW_CFA.DW_CFA_def_cfa_expression:
      state.cfaKind = RULE.val_expression;
      state.cfaValue = value;
      state.cfaLength = at.extra;
      return;
    case DW_CFA.DW_CFA_def_cfa_register:
    case DW_CFA.DW_CFA_def_cfa_offset:
    case DW_CFA.DW_CFA_def_cfa_offset_sf:
      // Without any rule before it is register 0 + 0: clang gives MIPS's rule in pieces.
      if (state.cfaKind === RULE.val_expression) {
        throw instructionError(cie, at, "DWARF_BAD_VALUE", "the CFA is no register and offset");
      }
      state.cfaKind = RULE.register;
      if (opcode === DW_CFA.DW_CFA_def_cfa_register) state.cfaRegister = register;
      else state.cfaValue = value;
      return;
    default:
      throw instructionError(cie, at, "DWARF_UNSUPPORTED", "not known");
  }
}

/** What 0x2d does is the machine's affair. */
function saveWindow(cie: Cie, at: FrameInstructionCursor, state: FrameState): void {
  const { machine } = cie.context;
  if (machine === EM.EM_AARCH64) {
    const isSigned = state.kind(RA_SIGN_STATE) === RULE.constant && state.value(RA_SIGN_STATE) === 1;
    state.set(RA_SIGN_STATE, RULE.constant, isSigned ? 0 : 1);
  } else if (machine === EM.EM_SPARC || machine === EM.EM_SPARC32PLUS || machine === EM.EM_SPARCV9) {
    for (let register = FIRST_WINDOW_REGISTER; register < END_WINDOW_REGISTER; register++) {
      state.set(register, RULE.offset, (register - FIRST_WINDOW_REGISTER) * cie.addressSize);
    }
  } else {
    throw instructionError(cie, at, "DWARF_UNSUPPORTED", "has a meaning on SPARC and AArch64 only");
  }
}

function instructionError(
  cie: Cie,
  at: FrameInstructionCursor,
  code: "DWARF_BAD_VALUE" | "DWARF_LOOP" | "DWARF_UNSUPPORTED",
  what: string,
): Error {
  const { machine, reader } = cie.context;
  return dwarfError(reader.section, code, at.offset, `${callFrameName(at.opcode, machine)}: ${what}`);
}
