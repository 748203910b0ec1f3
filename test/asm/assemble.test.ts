import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { assemble, assembleWithLabels } from "../../src/asm/index.ts";
import { AsmError } from "../../src/errors.ts";

const BASE = 0x40_1000n;

function hex(text: string, address = BASE): string {
  return Buffer.from(assemble(text, address)).toString("hex");
}

/** What GNU as makes of the same text. It knows no load address, so branches in it go to labels only. */
function gas(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "bindery-asm-"));
  try {
    const source = join(folder, "a.s");
    const object = join(folder, "a.o");
    const binary = join(folder, "a.bin");
    writeFileSync(source, `.intel_syntax noprefix\n.code64\n${text}\n`);
    execFileSync("as", ["--64", "-mrelax-relocations=no", "-o", object, source]);
    execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, binary]);
    return readFileSync(binary).toString("hex");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function failure(text: string, address = BASE): AsmError {
  try {
    assemble(text, address);
  } catch (error) {
    expect(error).toBeInstanceOf(AsmError);
    return error as AsmError;
  }
  throw new Error(`assembled, though it should not: ${text}`);
}

describe("assembled like GNU as does", () => {
  test.each([
    ["register moves", "mov eax, 5\nmov rax, rbx\nmov r8b, r9b\nmov al, [rbx]\nmov ah, bl\nret"],
    [
      "addresses",
      "mov rax, [rsp-8]\nmov rax, [r13]\nmov rax, [rbp+r12*8-4]\nlea rdx, [rax*4+0x10]\nmov eax, [eax+8]",
    ],
    [
      "wide displacements",
      "mov rax, [rbx+0x7f]\nmov rax, [rbx+0x80]\nmov rax, [rbx-0x80]\nmov rax, [rbx-0x81]",
    ],
    ["segments", "mov rax, fs:[0x28]\nmov gs:[rax], ebx\nmov ds, eax\nmov eax, es"],
    [
      "immediates",
      "add rax, -128\nadd rax, 0x80\nand rsp, -16\npush 5\npush 0x1234\npush -1\nmov rax, 0x123456789abc",
    ],
    [
      "sizes by keyword",
      "inc byte ptr [rax]\ninc word ptr [rax]\nmov dword ptr [rcx], 7\nnot qword ptr [rdx]",
    ],
    ["calls and jumps", "call [rax]\njmp rax\ncall qword ptr [rip+8]\npush [rax]\nnotrack jmp rax"],
    ["local branches", "top: dec rdi\njnz top\njmp done\nnop\ndone: ret"],
    ["a branch that must grow", `jz done\n${"nop\n".repeat(126)}jmp done\nnop\ndone: ret`],
    ["string instructions", "rep movsb\nrepne scasb\nrep stosq\nlodsd\ncmpsw"],
    ["locked", "lock cmpxchg [rdi], rcx\nlock inc dword ptr [rax]\nxchg [rdi], rsi\nlock xadd [rax], ebx"],
    ["x87", "fld qword ptr [rax]\nfadd st(0), st(3)\nfadd st(3), st(0)\nfxch st(1)\nfstp tbyte ptr [rax]"],
    [
      "SSE",
      "movsd xmm0, [rax]\naddps xmm1, xmm2\ncvtsi2sd xmm0, rax\npshufd xmm3, xmm4, 0x1b\ncmpltps xmm0, xmm1",
    ],
    [
      "AVX",
      "vaddps ymm0, ymm1, [rax]\nvcmpneqpd xmm1, xmm2, xmm3\nvpblendvb xmm0, xmm1, xmm2, xmm3\nvzeroupper",
    ],
    [
      "AVX-512",
      "vaddps zmm0{k1}{z}, zmm1, zmm2\nvmovdqu64 zmm16, [rax+0x40]\nvpternlogd zmm0, zmm1, zmm2, 0x55",
    ],
    ["gather", "vgatherdps xmm0, [rax+xmm1*4], xmm2\nvpgatherqq zmm0{k1}, [rax+zmm1*8]"],
    ["broadcast and rounding", "vaddpd zmm0, zmm1, [rax]{1to8}\nvaddps zmm0, zmm1, zmm2, {rz-sae}"],
    [
      "condition aliases",
      "jc 1f\nsetnbe al\ncmovz eax, ebx\n1: ret".replaceAll("1f", "out").replace("1:", "out:"),
    ],
    ["data", "db 1, 2, 0xff\ndw 0x1234\ndd -1\ndq 0x1122334455667788"],
  ])("%s", (_, text) => {
    const directives = { db: ".byte", dw: ".word", dd: ".long", dq: ".quad" } as const;
    const forGas = text.replaceAll(
      /^(d[bwdq]) /gm,
      (_match, name: keyof typeof directives) => `${directives[name]} `,
    );
    expect(hex(text)).toBe(gas(forGas));
  });
});

describe("names", () => {
  test("labels are found forwards and backwards, as branch targets, addresses and data", () => {
    const { bytes, labels } = assembleWithLabels(
      "start: lea rax, [rip+table]; mov rcx, [table]; jmp start; table: dq start",
      BASE,
    );
    const table = labels.get("table") ?? 0n;
    const view = new DataView(bytes.buffer);
    expect(table).toBe(BASE + 16n);
    expect(view.getInt32(3, true)).toBe(Number(table - (BASE + 7n)));
    expect(view.getInt32(10, true)).toBe(Number(table - (BASE + 14n)));
    expect(view.getBigUint64(16, true)).toBe(BASE);
  });

  test("other names come from the resolver, local labels first", () => {
    const resolve = (name: string): bigint | undefined => (name === "puts" ? BASE + 0x105n : 0n);
    expect(Buffer.from(assemble("call puts", BASE, { resolve })).toString("hex")).toBe("e800010000");
    expect(Buffer.from(assemble("puts: jmp puts", BASE, { resolve })).toString("hex")).toBe("ebfe");
  });

  test("$ is the statement's own address, and sums are computed", () => {
    expect(hex("nop; jmp $")).toBe("90ebfe");
    expect(hex("nop; jmp $-1")).toBe("90ebfd");
    expect(hex("x: dd $-x, x+4-x, -1")).toBe("0000000004000000ffffffff");
  });

  test("an absolute address that needs more than 32 bits is reached relative to rip, or through rax", () => {
    expect(hex("mov rbx, [0x7f0000001000]", 0x7f00_0000_0000n)).toBe("488b1df90f0000");
    expect(hex("mov rax, [0x7f0000001000]", 0n)).toBe("48a100100000007f0000");
  });
});

describe("text forms", () => {
  test("comments, remarks, several statements a line, both hexadecimal spellings", () => {
    const text = "mov eax, 0ffh ; mov ebx, 0xFF # two\n// nothing\n\ncall 401000h <operator<<+0x4>; ret";
    expect(hex(text)).toBe(hex("mov eax, 255\nmov ebx, 255\ncall 0x401000\nret"));
  });

  test.each([
    ["xchg eax, eax", "87c0"],
    ["int 3", "cd03"],
    ["int3", "cc"],
    ["imul eax, 5", "6bc005"],
    ["movabs rax, 5", "48b80500000000000000"],
    ["fld st, dword ptr [rax]", "d900"],
    ["monitor rax, ecx, edx", "0f01c8"],
    ["pblendvb xmm1, xmm2, xmm0", "660f3810ca"],
    ["vaddps zmm0, zmm0, dword bcst [rax]", "62f17c585800"],
    ["mov rax, [rax+rsp]", "488b0404"],
    ["jmp near 0x401010", "e90b000000"],
    ['db "hi\\n", 0', "68690a00"],
    ["movs dword ptr es:[rdi], dword ptr gs:[rsi]", "65a5"],
    ["", ""],
  ])("%s", (text, bytes) => {
    expect(hex(text)).toBe(bytes);
  });
});

describe("errors say which line and which part", () => {
  test.each([
    ["nop\nfoo rax", "ASM_UNKNOWN_MNEMONIC", 2, "foo"],
    ["mov rax, ebx", "ASM_NO_ENCODING", 1, "mov rax, ebx"],
    ["lock mov [rax], ebx", "ASM_NO_ENCODING", 1, "lock mov [rax], ebx"],
    ["lock add eax, ebx", "ASM_NO_ENCODING", 1, "lock add eax, ebx"],
    ["call dword ptr [rax]", "ASM_NO_ENCODING", 1, "call dword ptr [rax]"],
    ["inc [rax]", "ASM_AMBIGUOUS", 1, "[rax]"],
    ["movs", "ASM_AMBIGUOUS", 1, "movs"],
    ["mov al, 300", "ASM_RANGE", 1, "mov al, 300"],
    ["mov qword ptr [rax], 0x80000000", "ASM_RANGE", 1, "mov qword ptr [rax], 0x80000000"],
    ["mov ah, r8b", "ASM_RANGE", 1, "mov ah, r8b"],
    ["call 0x123456789abc", "ASM_RANGE", 1, "call 0x123456789abc"],
    ["cpuid rax", "ASM_NO_ENCODING", 1, "cpuid rax"],
    ["movsb fs:[rdi], [rsi]", "ASM_NO_ENCODING", 1, "movsb fs:[rdi], [rsi]"],
    ["loop 0x401082", "ASM_RANGE", 1, "loop 0x401082"],
    ["jmp short 0x501000", "ASM_RANGE", 1, "jmp short 0x501000"],
    ["db 256", "ASM_RANGE", 1, "256"],
    ["ret\n\n call nowhere", "ASM_UNDEFINED", 3, "nowhere"],
    ["a: nop\na: nop", "ASM_DUPLICATE", 2, "a"],
    ["mov eax, [rax+rbx*3]", "ASM_SYNTAX", 1, "3"],
    ["mov eax, %ebx", "ASM_SYNTAX", 1, "%"],
    ["mov eax, 0xfg", "ASM_SYNTAX", 1, "0xfg"],
    ["mov eax,", "ASM_SYNTAX", 1, "end of statement"],
    ["mov eax, 1 2", "ASM_SYNTAX", 1, "2"],
    ["mov eax, [rax", "ASM_SYNTAX", 1, "end of statement"],
    ["vaddps zmm0{k9}, zmm1, zmm2", "ASM_SYNTAX", 1, "{k9}"],
    ["fadd st(8)", "ASM_SYNTAX", 1, "8"],
    ['dq "x"', "ASM_SYNTAX", 1, '"x"'],
    ["rax: nop", "ASM_SYNTAX", 1, "rax"],
  ])("%s", (text, code, line, token) => {
    const error = failure(text);
    expect({ code: error.code, line: error.line, token: error.token }).toEqual({ code, line, token });
    expect(error.message.startsWith(`line ${line}: ${token}: `)).toBe(true);
  });
});
