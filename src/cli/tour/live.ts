/** Second stop: a library that grows while it runs. */
import { readFileSync } from "node:fs";
import { assemble, disassemble } from "../../asm/index.ts";
import { type Allocation, type BindOptions, dladdr, dlsym, LiveObject } from "../../dlbind/index.ts";
import { SHF } from "../../elf/index.ts";
import { RTLD_DEFAULT } from "../../host/dl.ts";
import { fact, heading, hex, say, show } from "./print.ts";

/** Orders two 32-bit numbers, as qsort(3) wants it. */
const COMPARE = `
  mov eax, dword ptr [rdi]
  sub eax, dword ptr [rsi]
  ret`;

/** sort_numbers(base, count, compare, qsort): has qsort sort 32-bit numbers. Keeps a frame pointer. */
const SORT = `
  push rbp
  mov rbp, rsp
  mov rax, rcx
  mov rcx, rdx
  mov edx, 4
  call rax
  pop rbp
  ret`;

/** The object is the caller's to delete. */
export function showLive(): LiveObject {
  heading("2. A live object");
  const lib = LiveObject.create("tour");
  say("A shared object, empty so far, that the system's own loader has opened:");
  fact("in the link map", lib.path);
  fact("loaded at", lib.base);
  const mapped = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes("bindery:tour"));
  show(mapped.find((line) => line.includes("r-xp")) ?? "");

  say("\nTwo functions are assembled into it and bound. dlsym(3) finds them at once:");
  const compare = addFunction(lib, "compare_numbers", COMPARE);
  const sort = addFunction(lib, "sort_numbers", SORT, { unwind: "frame-pointer" });
  for (const name of ["compare_numbers", "sort_numbers"]) fact(`dlsym ${name}`, dlsym(lib, name) ?? 0n);
  const inside = dladdr(sort.address + 4n);
  fact("dladdr of its 5th byte", `${inside?.symbol?.name} at ${hex(inside?.symbol?.address ?? 0n)}`);

  say("\nWhat was made, disassembled from memory:");
  for (const code of [compare, sort]) show(listing(lib, code));

  say("\nlibc's qsort, with the comparator just made, called through the other one:");
  const numbers = lib.alloc(32, SHF.SHF_WRITE);
  const words = new Int32Array(numbers.bytes.buffer, numbers.bytes.byteOffset, 8);
  words.set([42, 7, 1999, -3, 12, 0, 85, 6]);
  lib.bind("numbers", numbers);
  fact("before", words.join(" "));
  const qsort = dlsym(RTLD_DEFAULT, "qsort");
  lib.call(
    "void sort_numbers(uintptr_t, size_t, uintptr_t, uintptr_t)",
    numbers.address,
    8,
    compare.address,
    qsort,
  );
  fact("after", words.join(" "));
  return lib;
}

function addFunction(lib: LiveObject, name: string, text: string, options: BindOptions = {}): Allocation {
  const size = assemble(text, 0n).length;
  const code = lib.alloc(size, SHF.SHF_EXECINSTR);
  code.write(assemble(text, code.address));
  lib.bind(name, code, options);
  return code;
}

function listing(lib: LiveObject, code: Allocation): string {
  const name = dladdr(code.address)?.symbol?.name ?? "?";
  const lines = disassemble(code.bytes, code.address, {
    symbolize: (address) => dladdr(address)?.symbol?.name,
  });
  return [`${name} in ${lib.name}:`, ...lines.map(({ address, text }) => `  ${hex(address)}  ${text}`)].join(
    "\n",
  );
}
