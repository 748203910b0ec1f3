/** Instructions and pointer encodings that compilers seldom write, assembled by hand; and entries that are wrong. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { FrameHeaderTable } from "../../../src/dwarf/read/frame/header.ts";
import { frameRowAt, frameRowText } from "../../../src/dwarf/read/frame/row.ts";
import { FrameRows } from "../../../src/dwarf/read/frame/rows.ts";
import { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import { ET } from "../../../src/elf/constants/header.ts";
import { EM } from "../../../src/elf/constants/machine.ts";
import { SHF, SHT } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { writeElf } from "../../../src/elf/write/write.ts";
import { DwarfError } from "../../../src/errors.ts";
import { openFrames, ourInstructions, ourRows, readelfInstructions, readelfRows } from "./frame-oracles.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-frame-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function assemble(source: string, ...flags: string[]): string {
  const object = join(scratch, "c.o");
  execFileSync("gcc", ["-c", "-x", "assembler", "-", "-o", object, ...flags], { input: source });
  return object;
}

/** A file with one section of frames, whose bytes are given. */
function frames(bytes: readonly number[], name = ".eh_frame", addr = 0x5000): FrameSection {
  const section = { name, type: SHT.SHT_PROGBITS, flags: SHF.SHF_ALLOC, addr, bytes: Uint8Array.from(bytes) };
  const image = writeElf({ machine: EM.EM_X86_64, type: ET.ET_DYN, sections: [section] });
  const dwarf = Dwarf.open(ElfFile.open(image, { name: "made" }));
  const [found] = dwarf.sections.named(name.slice(1));
  if (found === undefined) throw new Error("no section");
  return new FrameSection(dwarf.reader(found));
}

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
}

/** An entry of `.eh_frame`: length, CIE id or pointer, and the rest. */
function record(id: number, rest: readonly number[]): number[] {
  return [...u32(4 + rest.length), ...u32(id), ...rest];
}

/** "zR" with 4-byte absolute pointers, factors 1 and -8, register 16; rules as given. 20 bytes with none. */
function cie(...rules: number[]): number[] {
  return record(0, [1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x03, 0, 0, 0, ...rules]);
}

/** An FDE of 0x100 bytes from 0x1000 on, under a CIE at 0 with no rules, directly behind it. */
function fde(...instructions: number[]): number[] {
  return record(24, [...u32(0x1000), ...u32(0x100), 0, ...instructions]);
}

describe("instructions", () => {
  const ALL = `
    .text
    f: .zero 0x30000
    .section .debug_frame,"",@progbits
    c: .long ce - cs
    cs: .long 0xffffffff
        .byte 3; .asciz ""; .uleb128 2; .sleb128 -4; .uleb128 16
        .byte 0x0c, 7, 8, 0x90, 1
        .balign 8
    ce: .long fe - fs
    fs: .long c; .quad f; .quad 0x30000
        .byte 0x41
        .byte 0x05, 70, 3                     # offset_extended
        .byte 0x11, 0x80, 0x01, 0x7d          # offset_extended_sf, register 128
        .byte 0x14, 8, 2, 0x15, 9, 0x7e       # val_offset, val_offset_sf
        .byte 0x09, 10, 11, 0x07, 12, 0x08, 13 # register, undefined, same_value
        .byte 0x10, 14, 2, 0x77, 8            # expression
        .byte 0x16, 15, 3, 0x92, 7, 0x78      # val_expression
        .byte 0x2e, 0x90, 0x01                # GNU_args_size
        .byte 0x2f, 3, 2                      # GNU_negative_offset_extended
        .byte 0x02, 0x80                      # advance_loc1
        .byte 0x0a, 0x12, 6, 0x7c             # remember_state, def_cfa_sf
        .byte 0x03, 0x34, 0x12                # advance_loc2
        .byte 0x13, 0x79, 0x0d, 7             # def_cfa_offset_sf, def_cfa_register
        .byte 0x04; .long 0x8000              # advance_loc4
        .byte 0x0f, 4, 0x77, 0, 0x06, 0x96    # def_cfa_expression
        .byte 0x42, 0x0b, 0xce, 0x06, 70      # restore_state, restore, restore_extended
        .byte 0x1d; .quad 0x100               # MIPS_advance_loc8
        .byte 0x0e, 0x20, 0x01; .quad f + 0x20000 # def_cfa_offset, set_loc
        .byte 0x0e, 0x28
        .balign 8
    fe:`;

  test("of every kind are printed as readelf prints them", () => {
    const object = assemble(ALL);
    const [section] = openFrames(object);
    if (section === undefined) throw new Error("no section");
    const expected = readelfInstructions(object).map((frame) => ({
      ...frame,
      lines: frame.lines.map((line) =>
        line
          // readelf takes no relocation into account in the middle of instructions,
          .replace(/(?<=set_loc: )0+$/, "0000000000020000")
          // and finds no more than 128 registers good.
          .replace("bad register: ", ""),
      ),
    }));
    expect(expected[1]?.lines.length).toBeGreaterThan(25);
    expect(ourInstructions(section)).toEqual(expected);
  });

  test("make the rows of the specification", () => {
    const [section] = openFrames(assemble(ALL));
    const [only] = [...(section?.fdes() ?? [])];
    if (only === undefined) throw new Error("no FDE");
    const texts: string[] = [];
    for (const rows = new FrameRows(only); rows.next(); ) {
      const row = frameRowAt(only, rows.start);
      if (row === undefined) throw new Error("no row");
      texts.push(
        `${row.start.toString(16)}-${row.end.toString(16)} ${row.argumentsSize} ${frameRowText(row, EM.EM_X86_64)}`,
      );
    }
    const saved =
      "rbx=[CFA+8], r8=CFA-8, r9=CFA+8, r10=r11, r12=undefined, r13=same, r14=[DW_OP_breg7 RSP+8], r15=DW_OP_bregx RSP-8, rip=[CFA-4], ";
    const rest = "xmm19=[CFA-12], bnd2=[CFA+12]";
    expect(texts).toEqual([
      "0-2 0 CFA=rsp+8: rip=[CFA-4]",
      `2-102 144 CFA=rsp+8: ${saved}${rest}`,
      `102-256a 144 CFA=rbp+16: ${saved}${rest}`,
      `256a-1256a 144 CFA=rsp+28: ${saved}${rest}`,
      `1256a-1256e 144 CFA=DW_OP_breg7 RSP+0, DW_OP_deref, DW_OP_nop: ${saved}${rest}`,
      `1256e-1276e 144 CFA=rsp+8: ${saved.replace("r14=[DW_OP_breg7 RSP+8], ", "")}bnd2=[CFA+12]`,
      `1276e-20000 144 CFA=rsp+32: ${saved.replace("r14=[DW_OP_breg7 RSP+8], ", "")}bnd2=[CFA+12]`,
      `20000-30000 144 CFA=rsp+40: ${saved.replace("r14=[DW_OP_breg7 RSP+8], ", "")}bnd2=[CFA+12]`,
    ]);
  });

  test("of RISC-V advance by what a linker that shortens code will see", () => {
    const source = `
      .text
      f: .cfi_startproc
      nop; .cfi_def_cfa_offset 16
      .zero 0x100; call f; .cfi_def_cfa_offset 32
      .zero 0x1000; call f; .cfi_def_cfa_offset 48
      .zero 0x20000; call f; .cfi_def_cfa_offset 64
      nop; .cfi_endproc`;
    const object = join(scratch, "riscv.o");
    execFileSync("clang", ["--target=riscv64-linux-gnu", "-c", "-xassembler", "-", "-o", object], {
      input: source,
    });
    const [section] = openFrames(object);
    if (section === undefined) throw new Error("no section");
    // One for the start, and two each for the range and the advances over a call.
    expect(section.reader.section.relocations?.count).toBe(9);
    // readelf adds up those of an advance of 4 bytes wrongly: it comes to 2^32.
    const expected = readelfRows(object).map((frame) => ({
      ...frame,
      lines: frame.lines.map((line) => line.replace(/^100000000:/, "2111a:")),
    }));
    const ours = ourRows(section);
    expect(ours).toEqual(expected);
    expect(ours[0]?.lines.map((line) => line.split(":")[0])).toEqual(["0", "2", "10a", "1112", "2111a"]);
  });

  test("that are not known, or make no sense where they stand, are refused with their place", () => {
    const refusals: [RegExp, number[], number[]?][] = [
      [/\.eh_frame\+0x25: instruction DW_CFA_METAWARE_info: its operands are not known/, [0x34, 0]],
      [/\.eh_frame\+0x25: DW_CFA_restore_state: found no saved row/, [0x0b]],
      [/\.eh_frame\+0x425: DW_CFA_remember_state: too many rows are saved/, Array(1025).fill(0x0a)],
      [/DW_CFA_GNU_window_save: has a meaning on SPARC and AArch64 only/, [0x2d]],
      [/DW_CFA_undefined: register 4096: no machine has as many/, [0x07, 0x80, 0x20]],
      [/operand: found 1 bytes before the end, expected 2/, [0x03, 1]],
      [/operand: found a LEB128 without an end/, [0x0e, ...Array(20).fill(0x80)]],
      [/operand: found 2 bytes before the end, expected 127/, [0x0f, 0x7f, 0, 0]],
      [/DW_CFA_def_cfa_offset: the CFA is no register and offset/, [0x0f, 0, 0x0e, 8]],
      [/DW_CFA_set_loc: found an address before the row's/, [0x44, 0x01, ...u32(0x1003)]],
      [/pointer \(DW_EH_PE_udata4\): found 3 bytes before the end/, [0x01, 1, 2, 3]],
    ];
    for (const [message, instructions] of refusals) {
      const [only] = [...frames([...cie(), ...fde(...instructions)]).fdes()];
      if (only === undefined) throw new Error("no FDE");
      const rows = new FrameRows(only);
      const walk = (): void => {
        while (rows.next());
      };
      expect(walk).toThrow(DwarfError);
      expect(() => {
        rows.reset(only);
        walk();
      }).toThrow(message);
    }
    for (const rule of [0x41, 0xc3]) {
      const section = frames([...cie(rule, 0, 0, 0), ...record(28, [...u32(0x1000), ...u32(1), 0])]);
      const [only] = [...section.fdes()];
      if (only === undefined) throw new Error("no FDE");
      expect(() => new FrameRows(only)).toThrow(/found it in a CIE/);
    }
  });
});

describe("encoded pointers", () => {
  /** Assembled and linked at fixed addresses: an FDE for each encoding of the start of `f`, at 0x20010. */
  function linked(): FrameSection {
    const one = (encoding: number, pointer: string, range: string, index: number): string => `
      c${index}: .long ce${index} - cs${index}
      cs${index}: .long 0; .byte 1; .asciz "zR"; .uleb128 1; .sleb128 -8; .byte 16; .uleb128 1; .byte ${encoding}
      .balign 4
      ce${index}: .long fe${index} - fs${index}
      fs${index}: .long fs${index} - c${index}
      ${pointer}
      ${range}
      .byte 0
      .balign 4
      fe${index}:`;
    const entries: [number, string, string][] = [
      [0x00, ".quad f", ".quad 5"],
      [0x01, ".uleb128 0x20010", ".uleb128 5"],
      [0x02, ".short f16", ".short 5"],
      [0x03, ".long f", ".long 5"],
      [0x04, ".quad f", ".quad 5"],
      [0x08, ".quad f", ".quad 5"],
      [0x09, ".sleb128 0x20010", ".sleb128 5"],
      [0x0a, ".short f16", ".short 5"],
      [0x0b, ".long f", ".long 5"],
      [0x0c, ".quad f", ".quad 5"],
      [0x10, ".quad f - .", ".quad 5"],
      [0x1b, ".long f - .", ".long 5"],
      [0x13, ".long f - .", ".long 5"],
      [0x1c, ".quad f - .", ".quad 5"],
      [0x23, ".long f - text", ".long 5"],
      [0x2c, ".quad f - text", ".quad 5"],
      [0x3c, ".quad f@GOTOFF", ".quad 5"],
      [0x50, ".balign 8, 0xee; .quad f", ".quad 5"],
    ];
    const source = `
      .globl _start
      .text
      text: _start: .zero 16
      f: .zero 5
      .set f16, 0x2010
      .section .frames,"a",@progbits
      .balign 8
      ${entries.map(([encoding, pointer, range], index) => one(encoding, pointer, range, index)).join("\n")}
      .section .note.GNU-stack,"",@progbits`;
    const object = assemble(source);
    const file = join(scratch, "linked");
    // Under its true name the linker would rewrite it.
    execFileSync("ld.lld", [
      "-static",
      "-Ttext=0x20000",
      "--image-base=0x10000",
      "--section-start=.frames=0x18000",
      object,
      "-o",
      file,
    ]);
    execFileSync("objcopy", ["--rename-section", ".frames=.eh_frame", file]);
    const [section] = openFrames(file);
    if (section === undefined) throw new Error("no section");
    return section;
  }

  test("of every format and application lead to the function", () => {
    const section = linked();
    const found: [string, string, number][] = [];
    for (const { cie: under, start, size } of section.fdes()) {
      found.push([under.pointers.encoding.toString(16), start.resolve().toString(16), size]);
    }
    const short = ["2", "a"];
    expect(found.length).toBe(18);
    expect(found).toEqual(
      found.map(([encoding]) => [encoding, short.includes(encoding) ? "2010" : "20010", 5]),
    );
    for (const one of section.fdes()) {
      one.cie.pointers.locate(one.startAt);
      const { low, high } = one.cie.pointers;
      expect((BigInt(high) << 32n) + BigInt(low)).toBe(one.start.resolve());
    }
    expect(section.find(0x20014n)?.start.resolve()).toBe(0x20010n);
    expect(section.find(0x20015n)).toBeUndefined();
  });

  test("that count from the function, or are 0, or go by way of memory, say so", () => {
    // Augmentation "zPLR": personality indirect, LSDA from the function or none.
    const common = record(0, [1, 0x7a, 0x50, 0x4c, 0x52, 0, 1, 0x78, 16, 7, 0x9b, ...u32(0x10), 0x43, 0x03]);
    const pad = [0, 0, 0];
    const first = record(common.length + pad.length + 4, [...u32(0x1000), ...u32(0x10), 4, ...u32(0x234)]);
    common[0] = (common[0] ?? 0) + pad.length;
    const at = common.length + pad.length;
    const second = record(at + first.length + 4, [...u32(0x2000), ...u32(0x10), 4, ...u32(0)]);
    const [with_, without] = [...frames([...common, ...pad, ...first, ...second]).fdes()];
    expect(with_?.lsda?.value.resolve()).toBe(0x1234n);
    expect(without?.lsda).toBeUndefined();
    // The field is at 0x5000 + 19.
    expect(with_?.cie.personality?.value.resolve()).toBe(0x5023n);
    expect(with_?.cie.personality?.indirect).toBe(true);
  });

  test("of relocatable files count from what their relocation counts from, or else are refused", () => {
    const source = (pointer: string): string => `
      f: .zero 16
      .section .eh_frame,"a",@progbits
      c: .long ce - cs
      cs: .long 0; .byte 1; .asciz "zR"; .uleb128 1; .sleb128 -8; .byte 16; .uleb128 1; .byte 0x1b
      .balign 4
      ce: .long fe - fs
      fs: .long fs - c
      ${pointer}
      .long 16; .byte 0; .balign 4
      fe:`;
    const start = (pointer: string): string => {
      const [only] = [...(openFrames(assemble(source(pointer)))[0]?.fdes() ?? [])];
      return String(only?.start);
    };
    expect(start(".long f + 4 - .")).toBe(".text+0x4");
    // Where an assembler needs no relocation, it is in the same section.
    expect(start(".long c - .")).toBe(".eh_frame+0x0");
    expect(() => start(".long f")).toThrow(/does not count from what the pointer counts from/);
  });

  test("of formats that nobody defined are refused", () => {
    const bytes = [...cie(), ...fde()];
    bytes[16] = 0x05;
    expect(() => [...frames(bytes).fdes()]).toThrow(/pointer encoding 0x5: unknown format/);
    bytes[16] = 0x33;
    const [only] = [...frames(bytes).fdes()];
    expect(() => only?.start.resolve()).toThrow(
      /DW_EH_PE_datarel\|DW_EH_PE_udata4: what it counts from is not known/,
    );
  });
});

describe("entries", () => {
  test("say what their augmentation says, and leave out letters that nobody knows", () => {
    // "zSBGRx" with data of 2 bytes.
    const common = record(0, [1, 0x7a, 0x53, 0x42, 0x47, 0x52, 0x78, 0, 1, 0x78, 16, 2, 0x03, 0xee, 0, 0]);
    const [only] = [...frames([...common, ...record(28, [...u32(0x1000), ...u32(1), 0, 0, 0, 0])]).fdes()];
    expect(only?.start.resolve()).toBe(0x1000n);
    const { isSignalFrame, usesKeyB, tagsStack, augmentation } = only?.cie ?? {};
    expect([isSignalFrame, usesKeyB, tagsStack, augmentation]).toEqual([true, true, true, "zSBGRx"]);
  });

  test("go on behind terminators and padding", () => {
    const zero = [0, 0, 0, 0];
    const second = record(24 + fde().length + 8 - 4 + 4, [...u32(0x2000), ...u32(0x10), 0, 0, 0, 0]);
    second.splice(4, 4, ...u32(20 + fde().length + 8 + 4));
    const section = frames([...cie(), ...fde(), ...zero, ...zero, ...second, ...zero]);
    expect([...section.fdes()].map(({ start }) => start.resolve())).toEqual([0x1000n, 0x2000n]);
  });

  test("in the 64-bit format have a CIE pointer of 4 bytes in .eh_frame and of 8 in .debug_frame", () => {
    const wide = (body: number[]): number[] => [...u32(0xffff_ffff), ...u32(body.length), ...u32(0), ...body];
    const common = wide([...u32(0), 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x03, 0, 0, 0]);
    const entry = wide([...u32(common.length + 12), ...u32(0x1000), ...u32(0x100), 0, 0, 0, 0]);
    const [eh] = [...frames([...common, ...entry]).fdes()];
    expect([eh?.start.resolve(), eh?.size, eh?.cie.offset]).toEqual([0x1000n, 0x100, 0]);
    const eight = (value: number): number[] => [...u32(value), ...u32(0)];
    const id = [...u32(0xffff_ffff), ...u32(0xffff_ffff)];
    const plain = wide([...id, 4, 0, 4, 2, 1, 0x78, 16, 0]);
    const segmented = wide([...eight(0), 0x34, 0x12, ...u32(0x1000), ...u32(0x100), 0]);
    const [debug] = [...frames([...plain, ...segmented], ".debug_frame").fdes()];
    expect([debug?.start.resolve(), debug?.size, debug?.segment]).toEqual([0x1000n, 0x100, 0x1234]);
    // An address of 2 bytes, in the 32-bit format.
    const small = [...u32(14), ...u32(0xffff_ffff), 4, 0, 2, 0, 1, 0x78, 16, 0, 0, 0];
    const [short] = [...frames([...small, ...u32(8), ...u32(0), 0, 0x10, 0x20, 0], ".debug_frame").fdes()];
    expect([short?.start.resolve(), short?.size, short?.cie.addressSize]).toEqual([0x1000n, 0x20, 2]);
  });

  test("without sense are refused with their place, and those behind them still read", () => {
    const refused = (bytes: number[], message: RegExp): void => {
      const section = frames(bytes);
      expect(() => [...section.fdes()]).toThrow(DwarfError);
      expect(() => [...section.fdes()]).toThrow(message);
    };
    refused([...cie(), ...record(20 + 8 + 4, u32(0))], /CIE pointer: found no CIE at 0x/);
    // An FDE whose CIE would be itself.
    refused([...cie(), ...record(4, u32(0))], /\.eh_frame\+0x14: CIE pointer: found no CIE at 0x14/);
    refused([...cie(), ...u32(0xffff_fff5)], /\.eh_frame\+0x14: length 0xfffffff5: reserved/);
    refused([...cie(), ...u32(400), 0, 0], /\.eh_frame\+0x14: length 400: ends 398 bytes past the section/);
    refused([...cie(), 1, 2], /\.eh_frame\+0x14: length: found 2 bytes before the end, expected 4/);
    refused(
      [...cie(), ...record(24, [1, 2, 3])],
      /pointer \(DW_EH_PE_udata4\): found 3 bytes before the end/,
    );
    const unknown = cie();
    unknown[8] = 2;
    refused([...unknown, ...fde()], /\.eh_frame\+0x8: CIE: version 2: expected 1, 3 or 4/);
    const indirect = cie();
    indirect[16] = 0x9b;
    refused([...indirect, ...fde()], /the start of a function is not in memory/);
    const augmented = cie();
    augmented[9] = 0x78;
    refused([...augmented, ...fde()], /CIE: augmentation "xR": not known/);

    const section = frames([...cie(), ...record(24, [1]), ...record(24 + 9, [...u32(0x1000), ...u32(4), 0])]);
    const at = section.entries();
    const starts: unknown[] = [];
    while (at.next()) {
      if (at.isCie) continue;
      try {
        starts.push(section.fde(at).start.resolve());
      } catch (error) {
        starts.push(error instanceof DwarfError ? error.code : error);
      }
    }
    expect(starts).toEqual(["DWARF_TRUNCATED", 0x1000n]);
  });

  test("that lie in one another are found from the inside", () => {
    const under = (offset: number, start: number, size: number): number[] =>
      record(offset + 4, [...u32(start), ...u32(size), 0, 0, 0, 0]);
    const bytes = cie();
    for (const [start, size] of [
      [0x1000, 0x1000],
      [0x1100, 0x10],
      [0x1200, 0],
      [0x1300, 0x100],
    ] as const) {
      bytes.push(...under(bytes.length, start, size));
    }
    const section = frames(bytes);
    const start = (address: bigint): bigint | undefined => section.find(address)?.start.resolve();
    expect(
      [0xfffn, 0x1000n, 0x110fn, 0x1110n, 0x1200n, 0x13ffn, 0x1400n, 0x1fffn, 0x2000n].map(start),
    ).toEqual([undefined, 0x1000n, 0x1100n, 0x1000n, 0x1000n, 0x1300n, 0x1000n, 0x1000n, undefined]);
  });
});

describe(".eh_frame_hdr", () => {
  function header(bytes: readonly number[]): FrameHeaderTable | undefined {
    const section = {
      name: ".eh_frame_hdr",
      type: SHT.SHT_PROGBITS,
      flags: SHF.SHF_ALLOC,
      addr: 0x4000,
      bytes: Uint8Array.from(bytes),
    };
    return FrameHeaderTable.read(
      ElfFile.open(writeElf({ machine: EM.EM_X86_64, type: ET.ET_DYN, sections: [section] })),
    );
  }

  test("without a table says where .eh_frame is", () => {
    const table = header([1, 0x1b, 0xff, 0xff, ...u32(0x1000)]);
    expect([table?.ehFrame, table?.count, table?.find(0x5000n)]).toEqual([0x5004n, 0, undefined]);
  });

  test("with more entries than bytes, or of another version, is refused", () => {
    expect(() => header([1, 0x1b, 0x03, 0x3b, ...u32(0), ...u32(1), ...u32(0)])).toThrow(
      /expected 1 entries/,
    );
    expect(() => header([1, 0x1b, 0x03, 0x3b, ...u32(0), ...u32(0xffff_ffff), ...u32(0), ...u32(0)])).toThrow(
      /found 8 bytes, expected 4294967295 entries/,
    );
    expect(() => header([2, 0xff, 0xff, 0xff])).toThrow(/version 2: expected 1/);
    expect(() => header([1, 0x1b])).toThrow(/found 2 bytes, expected at least 4/);
    expect(() => header([1, 0x1b, 0x03, 0x31, ...u32(0), ...u32(1), 1, 1])).toThrow(/can't be searched/);
  });
});
