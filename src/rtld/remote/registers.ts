/** Registers of threads, through a stub. */
import { EM } from "../../elf/constants/machine.ts";
import { registerLayoutOf } from "../machine/layouts.ts";
import type { DataModel } from "../proc/service.ts";
import { Registers } from "../registers.ts";
import type { RemoteRegister } from "./description.ts";
import type { RemoteLink } from "./link.ts";
import { fromHex, toHex } from "./packet.ts";

/** What is read it keeps while nothing runs. */
export class RemoteRegisters {
  readonly #link: RemoteLink;
  readonly #list: readonly RemoteRegister[];
  readonly #byName: ReadonlyMap<string, RemoteRegister & { readonly offset: number }>;
  /** All registers of threads, as the stub has them. */
  readonly #read = new Map<number, Uint8Array>();

  constructor(link: RemoteLink, list: readonly RemoteRegister[]) {
    this.#link = link;
    this.#list = list;
    let offset = 0;
    const placed = list.map((one) => {
      const at = offset;
      offset += one.size;
      return [one.name, { ...one, offset: at }] as const;
    });
    this.#byName = new Map(placed);
  }

  /** Forgets what was read: the process has run. */
  forget(): void {
    this.#read.clear();
  }

  /** Value of the program counter, where a stop reply has it among the registers that it brings along. */
  pcIn(registers: ReadonlyMap<number, string>, { machine, little }: DataModel): bigint | undefined {
    const name = registerLayoutOf(machine)?.pc;
    const register = name === undefined ? undefined : this.#named(name, machine);
    const bytes = register === undefined ? undefined : fromHex(registers.get(register.number) ?? "");
    return bytes === undefined || bytes.length === 0 ? undefined : numberIn(bytes, little);
  }

  /** Registers of the thread that the stub was turned to; `undefined` if they can't be had. */
  get(tid: number, model: DataModel): Registers | undefined {
    const layout = registerLayoutOf(model.machine);
    const raw = this.#all(tid, model);
    if (layout === undefined || raw === undefined) return undefined;
    const registers = new Registers(new Uint8Array(0), layout, model.little);
    for (const name of layout.names) {
      const register = this.#named(name, model.machine);
      if (register === undefined) continue;
      const bytes = raw.subarray(register.offset, register.offset + register.size);
      registers.set(name, numberIn(bytes, model.little));
    }
    return registers;
  }

  /** Changes them. @returns false if they can't be changed */
  set(tid: number, registers: Registers, model: DataModel): boolean {
    const before = this.#all(tid, model);
    if (before === undefined) return false;
    const raw = Uint8Array.from(before);
    const changed: (RemoteRegister & { readonly offset: number })[] = [];
    for (const name of registers.names) {
      const register = this.#named(name, model.machine);
      if (register === undefined) continue;
      const part = raw.subarray(register.offset, register.offset + register.size);
      const value = registers.get(name);
      if (numberIn(part, model.little) === BigInt.asUintN(8 * part.length, value)) continue;
      putValue(part, value, model.little);
      changed.push(register);
    }
    if (changed.length === 0) return true;
    this.#read.delete(tid);
    const one = changed.length === 1 ? changed[0] : undefined;
    if (one !== undefined && this.#write(one, raw)) return true;
    if (this.#link.ask(`G${toHex(raw)}`) === "OK") return true;
    return changed.every((register) => this.#write(register, raw));
  }

  #write({ number, offset, size }: RemoteRegister & { readonly offset: number }, raw: Uint8Array): boolean {
    const value = toHex(raw.subarray(offset, offset + size));
    return this.#link.ask(`P${number.toString(16)}=${value}`) === "OK";
  }

  /** By its name in the kernel's structure, for which stubs have another one here and there. */
  #named(name: string, machine: number): (RemoteRegister & { readonly offset: number }) | undefined {
    const other = machine === EM.EM_RISCV && name === "fp" ? "s0" : name;
    return this.#byName.get(name) ?? this.#byName.get(other);
  }

  /** All, by `g`; those of the machine's structure that are not in there one by one. */
  #all(tid: number, { machine }: DataModel): Uint8Array | undefined {
    const known = this.#read.get(tid);
    if (known !== undefined) return known;
    const size = this.#list.reduce((sum, one) => sum + one.size, 0);
    const raw = new Uint8Array(size);
    const text = this.#link.ask("g");
    // Those that a thread does not have now are x.
    const together = fromHex(text.replaceAll("x", "0"));
    const first = together === undefined || /^E..$/.test(text) ? new Uint8Array(0) : together;
    raw.set(first.subarray(0, size));
    for (const name of registerLayoutOf(machine)?.names ?? []) {
      const register = this.#named(name, machine);
      if (register === undefined || register.offset + register.size <= first.length) continue;
      const one = fromHex(this.#link.ask(`p${register.number.toString(16)}`));
      if (one?.length === register.size) raw.set(one, register.offset);
      else if (first.length === 0) return undefined;
    }
    this.#read.set(tid, raw);
    return raw;
  }
}

function numberIn(bytes: Uint8Array, little: boolean): bigint {
  const digits = toHex(little ? bytes.toReversed() : bytes);
  return digits === "" ? 0n : BigInt(`0x${digits}`);
}

function putValue(bytes: Uint8Array, value: bigint, little: boolean): void {
  const digits = BigInt.asUintN(8 * bytes.length, value)
    .toString(16)
    .padStart(2 * bytes.length, "0");
  const big = Buffer.from(digits, "hex");
  bytes.set(little ? big.toReversed() : big);
}
