/** Jumps to functions of the process that lie beyond the reach of a direct call, as a procedure linkage table has. */
import { readFileSync } from "node:fs";
import { assemble } from "../../asm/index.ts";
import type { LiveObject } from "../../dlbind/index.ts";
import { SHF, STB } from "../../elf/index.ts";

/** A displacement has 32 bits with a sign; the object's own extent is taken off. */
const REACH = (1n << 31n) - (1n << 28n);

/** Stubs of one live object, each made at first need and kept. */
export class Stubs {
  readonly #object: LiveObject;
  readonly #made = new Map<string, bigint>();

  constructor(object: LiveObject) {
    this.#object = object;
  }

  /**
   * An address that reaches `name` from the object's text: its own, or that of a stub named `name@plt`. Data keeps its
   * address, since nothing can stand in for it.
   */
  reach(name: string, address: bigint): bigint {
    const distance = address - this.#object.base;
    if ((distance < REACH && distance > -REACH) || !isExecutable(address)) {
      return address;
    }
    const known = this.#made.get(name);
    if (known !== undefined) {
      return known;
    }
    const allocation = this.#object.alloc(16, SHF.SHF_EXECINSTR);
    allocation.write(assemble(`jmp qword ptr [rip]; dq ${address}`, allocation.address));
    this.#object.bind(`${name}@plt`, allocation, { binding: STB.STB_LOCAL });
    this.#made.set(name, allocation.address);
    return allocation.address;
  }
}

function isExecutable(address: bigint): boolean {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .some((line) => {
      const [, start, end, permissions] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
      const inside = address >= BigInt(`0x${start ?? 0}`) && address < BigInt(`0x${end ?? 0}`);
      return inside && permissions?.charAt(2) === "x";
    });
}
