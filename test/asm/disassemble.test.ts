import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assemble, disassemble } from "../../src/asm/index.ts";

test("addresses, bytes and targets agree with objdump", () => {
  const code = assemble(
    "push rbp; mov rbp, rsp; call $+0x40; jne $-8; mov rax, [rip+0x100]; lea rdi, [rsp+8]; nop dword ptr [rax+rax]; leave; ret",
    0x1000n,
  );
  const folder = mkdtempSync(join(tmpdir(), "bindery-dis-"));
  try {
    const file = join(folder, "code.bin");
    writeFileSync(file, code);
    const objdump = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--adjust-vma=0x1000", file];
    const listing = execFileSync("objdump", objdump, { encoding: "utf8" });
    const theirs = [...listing.matchAll(/^ +([0-9a-f]+):\t([0-9a-f ]+?) *\t(.*)$/gm)].map((m) => ({
      address: BigInt(`0x${m[1]}`),
      bytes: m[2]?.replaceAll(" ", ""),
      mnemonic: m[3]?.split(" ")[0],
    }));
    const ours = disassemble(code, 0x1000n);
    expect(
      ours.map(({ address, bytes, text }) => ({
        address,
        bytes: Buffer.from(bytes).toString("hex"),
        mnemonic: text.split(" ")[0],
      })),
    ).toEqual(theirs);
    expect(ours.map(({ target }) => target).filter((target) => target !== undefined)).toEqual([
      0x1044n,
      0x1001n,
      0x1112n,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("targets are named, and the names do not disturb the assembler", () => {
  const symbolize = (address: bigint): string => `f+0x${address.toString(16)}`;
  const code = assemble("call 0x2000; mov eax, [rip+8]; jmp rax", 0x1000n);
  const lines = disassemble(code, 0x1000n, { symbolize });
  expect(lines.map(({ text }) => text)).toEqual([
    "call 0x2000 <f+0x2000>",
    "mov eax, dword ptr [rip+8] # 0x1013 <f+0x1013>",
    "jmp rax",
  ]);
  expect(assemble(lines.map(({ text }) => text).join("\n"), 0x1000n)).toEqual(code);
});

test("bytes that are no instruction are shown as such, and what follows is decoded", () => {
  const lines = disassemble(Uint8Array.of(0x06, 0x90, 0xe8, 0x01), 0n);
  expect(lines.map(({ text }) => text)).toEqual(["(bad)", "nop", "(bad)", "(bad)"]);
});
