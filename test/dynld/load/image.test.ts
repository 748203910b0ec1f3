/** Images of modules for several machines, against what ld.lld makes of the same objects at the same addresses. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { linkImage, type ModuleImage } from "../../../src/dynld/link/image.ts";
import type { ImportSource } from "../../../src/dynld/link/imports.ts";
import { SHT } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { compileTo, pathOf, tool } from "../support/compile.ts";

type Hosts = Readonly<Record<string, number>>;

function assemble(target: string, source: string): string {
  const stem = pathOf(`asm${Math.abs(hash(target + source))}`);
  writeFileSync(`${stem}.s`, source);
  tool("clang", "-c", `--target=${target}`, "-o", `${stem}.o`, `${stem}.s`);
  return `${stem}.o`;
}

function hash(text: string): number {
  return [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0, 7);
}

/** What ld.lld makes: each section where the image has it, the table of entries where the image has its own. */
function linked(path: string, image: ModuleImage, hosts: Hosts, relax: boolean): ElfFile {
  const got = image.base + BigInt(image.segments[1]?.offset ?? 0);
  const places = image.sections
    .filter(({ size }) => size > 0)
    .map(({ name, address }) => ({ address, text: `${name} 0x${address.toString(16)} : { *(${name}) }` }));
  places.push({ address: got, text: `.got 0x${got.toString(16)} : { *(.got) }` });
  const lines = places.sort((x, y) => (x.address < y.address ? -1 : 1)).map(({ text }) => `  ${text}`);
  const script = pathOf("image.ld");
  writeFileSync(script, `SECTIONS {\n${lines.join("\n")}\n  /DISCARD/ : { *(.comment) *(.note*) }\n}\n`);
  const out = pathOf("linked");
  const symbols = Object.entries(hosts).map(
    ([name, address]) => `--defsym=${name}=0x${address.toString(16)}`,
  );
  tool(
    "ld.lld",
    "-static",
    "-O0",
    ...(relax ? [] : ["--no-relax"]),
    "--noinhibit-exec",
    "--no-check-sections",
    "-T",
    script,
    ...symbols,
    "-o",
    out,
    path,
  );
  return ElfFile.open(readFileSync(out));
}

function compare(path: string, hosts: Hosts, base = 0x4000_0000n, relax = false): ModuleImage {
  const imports: ImportSource = {
    find: (name) => {
      const address = hosts[name];
      return address === undefined ? undefined : { address: BigInt(address) };
    },
    names: () => Object.keys(hosts),
  };
  const image = linkImage([{ name: path, bytes: readFileSync(path) }], { base, imports });
  const oracle = linked(path, image, hosts, relax);
  let compared = 0;
  for (const { name, address, size } of image.sections) {
    const other = oracle.sections.find((section) => section.name === name && section.addr === address);
    if (size === 0 || other === undefined || other.type === SHT.SHT_NOBITS) continue;
    const at = Number(address - image.base);
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replaceAll(/.{32}/g, "$&\n");
    expect(`${name}\n${hex(image.bytes.subarray(at, at + size))}`).toBe(
      `${name}\n${hex(other.bytes().subarray(0, size))}`,
    );
    compared += size;
  }
  expect(compared).toBeGreaterThan(0);
  return image;
}

const HOSTS = { near: 0x4010_0000, other: 0x4000_8000 };

const AARCH64 = `
  .text
  .globl start
start:
  bl near
  b near
  b.ne inside
  cbz x3, inside
  tbz x2, #3, inside
  adr x0, inside
  ldr x1, literal
  adrp x0, data
  add x0, x0, :lo12:data
  ldrb w1, [x0, :lo12:data+1]
  ldrh w1, [x0, :lo12:data+2]
  ldr w1, [x0, :lo12:data+4]
  ldr x1, [x0, :lo12:data+8]
  ldr q1, [x0, :lo12:data+16]
  movz x4, #:abs_g3:wide
  movk x4, #:abs_g2_nc:wide
  movk x4, #:abs_g1_nc:wide
  movk x4, #:abs_g0_nc:wide
  movz x5, #:abs_g1:near
  movz x6, #:abs_g2:near
  movn x6, #:abs_g1_s:near
  movz x7, #:prel_g1:near
  movk x7, #:prel_g0_nc:near
  adrp x8, :got:near
  ldr x8, [x8, :got_lo12:near]
inside:
  ret
literal:
  .xword near + 5
  .section .rodata,"a"
  .xword data - .
  .word inside - .
  .hword data - . + 7
  .word near
  .balign 8
  .xword inside + 16
  .xword -1 + near
  .data
  .balign 16
  .globl data
data:
  .xword near, other, inside, data + 8
  .fill 16
`;

const I386 = `
  .text
  .globl start
start:
  call near
  call near@PLT
  jmp inside
  movl $data, %eax
  movl data+4, %eax
  movl near(,%ecx,4), %edx
  cmpb $lowbyte, %al
  movw $small, %ax
  .byte inside - .
inside:
  ret
  .section .rodata,"a"
  .long near, inside + 3, data - .
  .word small
  .byte lowbyte
  .data
  .globl data
data: .long near - 4, data, inside
`;

const X86_64 = `
  .text
  .globl start
start:
  call near
  call near@PLT
  jmp inside
  je near
  movabs $data, %rax
  movabs $near + 0x7f, %rax
  mov $data, %eax
  mov data(%rip), %rax
  movl $1, data+4(%rip)
  movb $1, data+4(%rip)
  lea near(%rip), %rcx
  mov near@GOTPCREL(%rip), %rdx
  cmpq near@GOTPCREL(%rip), %rdx
  movslq data(,%rax,8), %rcx
  movabs $data-_here, %rax
_here:
  movb $lowbyte, %al
  movw $small, %ax
inside:
  ret
  .section .rodata,"a"
  .quad near, inside + 3, data - .
  .long data - ., near
  .word small
  .byte lowbyte
  .long data@SIZE
  .quad data@SIZE + 8
  .quad -0x7000000000000000 + near
  .data
  .globl data
  .type data, @object
  .size data, 24
data: .quad near - 4, data, inside
`;

describe("an image is what ld.lld makes", () => {
  it("of AArch64 instructions and data", () => {
    const path = assemble("aarch64-linux-gnu", AARCH64);
    compare(path, { ...HOSTS, wide: 0x1234_5678_9abc });
  });

  it("of Intel 80386 instructions and data", () => {
    compare(assemble("i386-linux-gnu", I386), { ...HOSTS, small: 0x7abc, lowbyte: 0x55 }, 0x0800_0000n);
  });

  it("of x86-64 instructions and data", () => {
    compare(assemble("x86_64-linux-gnu", X86_64), { ...HOSTS, small: 0x7abc, lowbyte: 0x55 });
  });

  it("of loads from the table that can do without it", () => {
    const source = `
      .text
      .globl start, inside, data
    start:
      mov data@GOTPCREL(%rip), %rdx
      movq data@GOTPCREL(%rip), %r9
      call *inside@GOTPCREL(%rip)
      jmp *inside@GOTPCREL(%rip)
    inside:
      ret
      .data
    data: .quad 0
    `;
    const image = compare(assemble("x86_64-linux-gnu", source), {}, 0x4000_0000n, true);
    // lea, lea, addr32 call, jmp and nop
    expect([0, 1, 7, 8, 14, 15, 20, 25].map((at) => image.bytes[at])).toEqual([
      0x48, 0x8d, 0x4c, 0x8d, 0x67, 0xe8, 0xe9, 0x90,
    ]);
  });

  it.each([
    ["aarch64-linux-gnu", "-O1", "-fno-pic"],
    ["aarch64-linux-gnu", "-O0", "-fno-pic"],
    ["i386-linux-gnu", "-O2", "-fno-pic"],
    ["x86_64-linux-gnu", "-O2", "-fno-pic"],
    ["x86_64-linux-gnu", "-O0", "-mcmodel=large", "-fno-pic"],
  ])("of what clang makes for %s %s %s", (...[target, ...flags]: [string, ...string[]]) => {
    const source = `
      extern int near(const void *, int);
      static const char *const names[] = { "one", "two", "three" };
      int table[64]; static double sum;
      struct node { struct node *next; int (*act)(const void *, int); } first, second = { &first, near };
      static int local(int x) { sum += x * 1.5; return table[x & 63]; }
      int all(int n) { for (int i = 0; i < n; i++) { table[i & 63] += local(i); near(names[i % 3], i); } return (int)sum; }
      int other_way(int n) { switch (n) { case 1: return 7; case 2: return near(names, 1); case 3: return 9; case 4: return -3; case 5: return 11; default: return local(n); } }`;
    compare(
      compileTo(source, "clang", [`--target=${target}`, "-ffreestanding", ...flags]),
      HOSTS,
      0x0800_0000n * 8n,
    );
  });
});

describe("an image has stubs", () => {
  it("of AArch64 for what is farther away than a branch reaches", () => {
    const path = assemble("aarch64-linux-gnu", ".globl start\nstart: bl far\n");
    const far = 0x7f12_3456_7898n;
    const imports: ImportSource = { find: () => ({ address: far }), names: () => [] };
    const image = linkImage([{ name: path, bytes: readFileSync(path) }], { base: 0x10_0000n, imports });
    const view = new DataView(image.bytes.buffer);
    const stub = ((view.getUint32(0, true) & 0x3ff_ffff) << 6) >> 4;
    const text = pathOf("stub.bin");
    writeFileSync(text, image.bytes.subarray(stub, stub + 16));
    // adrp x16, page of the entry; ldr x16, [x16, …]; br x16
    const page = image.segments[1]?.offset ?? 0;
    expect(view.getUint32(stub, true)).toBe(
      0x9000_0010 + (((page / 4096) & 3) << 29) + ((page / 16_384) << 5),
    );
    expect(view.getUint32(stub + 8, true)).toBe(0xd61f_0200);
    expect(view.getBigUint64(page, true)).toBe(far);
  });
});
