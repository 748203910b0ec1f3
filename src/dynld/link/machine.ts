/** What linking needs of a machine beyond its relocations: entries that lead far away, and instructions that can be made shorter. */
import { EM } from "../../elf/constants/machine.ts";
import { R_X86_64 } from "../../elf/machine/x86_64.ts";

/** Instructions that jump to where an entry of the global offset table says. */
export interface StubCode {
  readonly size: number;
  write(view: DataView, at: number, address: number, entry: number): void;
}

export interface LinkMachine {
  /** Bytes of an address. */
  readonly word: 4 | 8;
  readonly stub: StubCode | undefined;
  /** Whether an instruction that loads from the table can do without, by the bytes before the field. */
  canRelax(type: number, bytes: Uint8Array, at: number): boolean;
  /** Makes it do without. @returns what is to be added to `S + A - P` of the field, and where the field is then */
  relax(bytes: Uint8Array, at: number): { readonly at: number; readonly more: number };
  /** Relocation type of the field that is left. */
  readonly relaxedType: number;
  /**
   * Has instructions that call a function by a descriptor load from the table what it tells, a variable's distance from the
   * thread pointer. Others stay. @returns false for a type of such instructions where none are
   */
  loadDistance(type: number, bytes: Uint8Array, at: number): boolean;
}

const never = {
  canRelax: () => false,
  relax: (_: Uint8Array, at: number) => ({ at, more: 0 }),
  relaxedType: 0,
  loadDistance: () => true,
};

const MOV = 0x8b;
const LEA = 0x8d;
const GROUP5 = 0xff;
const CALL_INDIRECT = 0x15;
const JMP_INDIRECT = 0x25;
const CALL_RAX = 0x10;
const OPERAND16 = 0x66;
const ADDR32 = 0x67;
const CALL = 0xe8;
const JMP = 0xe9;
const NOP = 0x90;

const X86_64_LINK: LinkMachine = {
  word: 8,
  stub: {
    size: 16,
    // endbr64; jmp *entry(%rip); int3...
    write(view, at, address, entry) {
      for (let i = 0; i < 16; i++) view.setUint8(at + i, 0xcc);
      view.setUint32(at, 0xfa1e_0ff3, true);
      view.setUint16(at + 4, 0x25ff, true);
      view.setInt32(at + 6, entry - (address + 10), true);
    },
  },
  // [AMD64 psABI, B.2]
  canRelax(type, bytes, at) {
    if (type !== R_X86_64.R_X86_64_GOTPCRELX && type !== R_X86_64.R_X86_64_REX_GOTPCRELX) return false;
    const opcode = bytes[at - 2];
    const operand = bytes[at - 1] ?? 0;
    if (opcode === MOV) return (operand & 0xc7) === 0x05;
    return (
      type === R_X86_64.R_X86_64_GOTPCRELX &&
      opcode === GROUP5 &&
      (operand === CALL_INDIRECT || operand === JMP_INDIRECT)
    );
  },
  relax(bytes, at) {
    if (bytes[at - 2] === MOV) {
      bytes[at - 2] = LEA;
      return { at, more: 0 };
    }
    if (bytes[at - 1] === CALL_INDIRECT) {
      bytes[at - 2] = ADDR32;
      bytes[at - 1] = CALL;
      return { at, more: 0 };
    }
    bytes[at - 2] = JMP;
    bytes[at + 3] = NOP;
    return { at: at - 1, more: 1 };
  },
  relaxedType: R_X86_64.R_X86_64_PC32,
  // lea x@tlsdesc(%rip), %reg; call *x@tlscall(%rax): the call leaves all else as it was, so that nothing takes its place.
  loadDistance(type, bytes, at) {
    if (type === R_X86_64.R_X86_64_GOTPC32_TLSDESC) {
      if (bytes[at - 2] !== LEA || ((bytes[at - 1] ?? 0) & 0xc7) !== 0x05) return false;
      bytes[at - 2] = MOV;
    } else if (type === R_X86_64.R_X86_64_TLSDESC_CALL) {
      if (bytes[at] !== GROUP5 || bytes[at + 1] !== CALL_RAX) return false;
      bytes[at] = OPERAND16;
      bytes[at + 1] = NOP;
    }
    return true;
  },
};

const AARCH64_LINK: LinkMachine = {
  word: 8,
  stub: {
    size: 16,
    // adrp x16, entry; ldr x16, [x16, #:lo12:entry]; br x16; nop
    write(view, at, address, entry) {
      const pages = Math.floor(entry / 4096) - Math.floor(address / 4096);
      view.setUint32(at, 0x9000_0010 | ((pages & 3) << 29) | (((pages >> 2) & 0x7_ffff) << 5), true);
      view.setUint32(at + 4, 0xf940_0210 | (((entry % 4096) / 8) << 10), true);
      view.setUint32(at + 8, 0xd61f_0200, true);
      view.setUint32(at + 12, 0xd503_201f, true);
    },
  },
  ...never,
};

const I386_LINK: LinkMachine = { word: 4, stub: undefined, ...never };

const MACHINES: ReadonlyMap<number, LinkMachine> = new Map([
  [EM.EM_X86_64, X86_64_LINK],
  [EM.EM_AARCH64, AARCH64_LINK],
  [EM.EM_386, I386_LINK],
]);

/** What is known of a machine, an `e_machine` that has relocations of code. */
export function linkMachine(machine: number): LinkMachine {
  return MACHINES.get(machine) ?? I386_LINK;
}
