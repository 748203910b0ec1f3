/** Frames that are written are those that readelf and the reader find. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FRAME_CIE, framePointerInstructions } from "../../../src/dlbind/unwind.ts";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { frameRowAt, frameRowText } from "../../../src/dwarf/read/frame/row.ts";
import { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import { frameInstructionTexts } from "../../../src/dwarf/read/frame/text.ts";
import {
  type CommonInformation,
  encodeCie,
  encodeFde,
  type FrameDescription,
  FrameInstructions,
} from "../../../src/dwarf/write/frame.ts";
import { ET } from "../../../src/elf/constants/header.ts";
import { EM } from "../../../src/elf/constants/machine.ts";
import { SHF, SHT } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { writeElf } from "../../../src/elf/write/write.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-frame-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Writes a CIE and FDEs under it as a file's `.eh_frame`. */
function written(
  cie: CommonInformation,
  fdes: readonly FrameDescription[],
): { path: string; frames: FrameSection } {
  const records = [encodeCie(cie)];
  let at = records[0]?.length ?? 0;
  for (const fde of fdes) {
    const record = encodeFde(fde, at);
    records.push(record);
    at += record.length;
  }
  const bytes = new Uint8Array(at);
  let offset = 0;
  for (const record of records) {
    bytes.set(record, offset);
    offset += record.length;
  }
  const section = { name: ".eh_frame", type: SHT.SHT_PROGBITS, flags: SHF.SHF_ALLOC, addr: 0x7000, bytes };
  const image = writeElf({ machine: EM.EM_X86_64, type: ET.ET_DYN, sections: [section] });
  const path = join(scratch, "written");
  writeFileSync(path, image);
  const dwarf = Dwarf.open(ElfFile.open(image));
  const [found] = dwarf.sections.named("eh_frame");
  if (found === undefined) throw new Error("no section");
  return { path, frames: new FrameSection(dwarf.reader(found)) };
}

function readelf(path: string): string[] {
  const text = execFileSync("readelf", ["-wNf", "-W", path], { encoding: "utf8" });
  return text.split("\n").map((line) => line.trim());
}

const FACTORS = { codeAlignment: 1, dataAlignment: -8 };

test("every instruction, with advances of all sizes", () => {
  const instructions = new FrameInstructions(FACTORS)
    .advance(0x3f)
    .defCfaOffset(16)
    .offset(6, -16)
    .advance(0x40)
    .defCfaRegister(6)
    .rememberState()
    .advance(0x100)
    .defCfa(7, 0x1000)
    .restore(6)
    .advance(0x12345)
    .restoreState()
    .finish();
  const start = 0x7fff_1234_5678n;
  const { path, frames } = written(FRAME_CIE, [{ start, length: 0x2_0000, instructions }]);
  const [fde] = [...frames.fdes()];
  if (fde === undefined) throw new Error("no FDE");
  const texts = [...frameInstructionTexts(fde, (place) => place.resolve().toString(16).padStart(16, "0"))];
  const printed = readelf(path).filter((line) => line.startsWith("DW_CFA_"));
  expect([...frameInstructionTexts(fde.cie), ...texts]).toEqual(printed);
  expect(texts.filter((text) => text !== "DW_CFA_nop")).toEqual([
    "DW_CFA_advance_loc: 63 to 00007fff123456b7",
    "DW_CFA_def_cfa_offset: 16",
    "DW_CFA_offset: r6 (rbp) at cfa-16",
    "DW_CFA_advance_loc1: 64 to 00007fff123456f7",
    "DW_CFA_def_cfa_register: r6 (rbp)",
    "DW_CFA_remember_state",
    "DW_CFA_advance_loc2: 256 to 00007fff123457f7",
    "DW_CFA_def_cfa: r7 (rsp) ofs 4096",
    "DW_CFA_restore: r6 (rbp)",
    "DW_CFA_advance_loc4: 74565 to 00007fff12357b3c",
    "DW_CFA_restore_state",
  ]);
  expect([fde.start.resolve(), fde.size]).toEqual([start, 0x2_0000]);
});

test("personality and language-specific data", () => {
  const cie = { ...FRAME_CIE, personality: 0x7f00_0000_1230n };
  const instructions = new Uint8Array();
  const fdes = [
    { start: 0x1000n, length: 16, instructions, lsda: 0x7f00_0000_4560n },
    { start: 0xffff_ffff_ffff_f000n, length: 0x1000, instructions },
  ].map(({ lsda, ...fde }) => ({ ...fde, lsda: lsda ?? 0n }));
  const { path, frames } = written(cie, fdes);
  const [first, second] = [...frames.fdes()];
  expect(first?.cie.personality?.value.resolve()).toBe(cie.personality);
  expect(first?.cie.personality?.indirect).toBe(false);
  expect(first?.lsda?.value.resolve()).toBe(0x7f00_0000_4560n);
  expect(second?.lsda).toBeUndefined();
  expect(second?.start.resolve()).toBe(0xffff_ffff_ffff_f000n);
  expect(frames.find(0xffff_ffff_ffff_ffffn)?.offset).toBe(second?.offset);
  const lines = readelf(path);
  expect(lines).toContain('Augmentation:          "zPLR"');
  expect(lines.filter((line) => / FDE /.test(line)).map((line) => line.replace(/.*pc=/, ""))).toEqual([
    "0000000000001000..0000000000001010",
    "fffffffffffff000..0000000000000000",
  ]);
});

test("the rules of code with a frame pointer", () => {
  // push rbp; mov rbp, rsp; nop; leave; ret
  const code = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x90, 0xc9, 0xc3);
  const instructions = framePointerInstructions(code);
  if (instructions === undefined) throw new Error("no frame pointer");
  const { frames } = written(FRAME_CIE, [{ start: 0x1000n, length: code.length, instructions }]);
  const fde = frames.find(0x1006n);
  if (fde === undefined) throw new Error("no FDE");
  const texts = [...code.keys()].map((offset) => {
    const row = frameRowAt(fde, offset);
    return row === undefined ? "" : frameRowText(row, EM.EM_X86_64);
  });
  const body = "CFA=rbp+16: rbp=[CFA-16], rip=[CFA-8]";
  expect(texts).toEqual([
    "CFA=rsp+8: rip=[CFA-8]",
    "CFA=rsp+16: rbp=[CFA-16], rip=[CFA-8]",
    "CFA=rsp+16: rbp=[CFA-16], rip=[CFA-8]",
    "CFA=rsp+16: rbp=[CFA-16], rip=[CFA-8]",
    body,
    body,
    "CFA=rsp+8: rip=[CFA-8]",
  ]);
});

test("what an instruction can't hold is refused", () => {
  const build = (): FrameInstructions => new FrameInstructions({ codeAlignment: 4, dataAlignment: -8 });
  expect(() => build().advance(6)).toThrow(/DW_CFA_advance_loc: 6 bytes is no multiple of 4/);
  expect(() => build().offset(6, -12)).toThrow(/DW_CFA_offset: -12 is no multiple of -8/);
  expect(() => build().offset(6, 8)).toThrow(/DW_CFA_offset: 8 is no multiple of -8/);
  expect(() => build().offset(64, -8)).toThrow(/DW_CFA_offset: register 64 is not below 64/);
  expect(() => build().restore(-1)).toThrow(/DW_CFA_restore: register -1 is not below 64/);
});
