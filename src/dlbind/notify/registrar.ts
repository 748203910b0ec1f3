/**
 * The GDB JIT interface of this process: a list of debug objects, and a function on which gdb and lldb plant a
 * breakpoint to hear of changes. ["JIT Compilation Interface", Debugging with GDB]
 *
 * The function and the descriptor lie in a small ELF object of their own, whose symbols debuggers read from the file.
 * Their breakpoint gives its text page a copy; no code of live objects lies there. One such object serves all.
 */
import { writeSync } from "node:fs";
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import { writeElf } from "../../elf/write/write.ts";
import { callableAt } from "../../host/call.ts";
import { dlclose, linkMapOf, RTLD_LOCAL, RTLD_NOW } from "../../host/dl.ts";
import { copyTo, free, malloc } from "../../host/memory.ts";
import { NativeRegion } from "../../host/region.ts";
import { type OpenBacking, openBacking } from "../backing.ts";
import { DATA_SECTION, storeTableSizes, TEXT_SECTION } from "../image.ts";
import { layOut } from "../layout.ts";
import { NameBuffer } from "../strings.ts";
import { LiveTables } from "../tables.ts";

const NAME = "bindery-jit";
const CAPACITIES = { text: 4096, rodata: 4096, data: 4096, symbols: 4, names: 4096, frames: 1 };
const RET = 0xc3;

/** `jit_actions_t` */
const JIT_NOACTION = 0;
const JIT_REGISTER_FN = 1;
const JIT_UNREGISTER_FN = 2;

/** Fields of `struct jit_descriptor`, in 8-byte words; version and action share the first. */
const VERSION_AND_ACTION = 0;
const RELEVANT_ENTRY = 1;
const FIRST_ENTRY = 2;
const DESCRIPTOR_SIZE = 24;
const VERSION = 1n;

/** Fields of `struct jit_code_entry`, in 8-byte words. */
const NEXT = 0;
const PREVIOUS = 1;
const SYMFILE_ADDRESS = 2;
const SYMFILE_SIZE = 3;
/** Bytes of a `struct jit_code_entry`. */
export const ENTRY_SIZE = 32;

/** An entry of the list, in native memory of {@link ENTRY_SIZE} bytes that its owner keeps while it is listed. */
export interface CodeEntry {
  readonly address: bigint;
  readonly words: BigUint64Array;
}

export class Registrar {
  readonly #backing: OpenBacking<LiveTables>;
  readonly #data: NativeRegion;
  readonly #descriptor: BigUint64Array;
  readonly #running: NativeRegion;
  readonly #call: () => unknown;
  /** An object file that tells of nothing. */
  readonly #empty = writeElf({ type: ET.ET_EXEC, machine: EM.EM_X86_64, sections: [] });
  readonly #emptyEntry: CodeEntry;
  #users = 0;
  /** True when something was taken back and nothing was listed since. */
  #stale = false;

  static #shared: Registrar | undefined;

  /** The process's registrar, made at the first call; {@link release} it when done. */
  static acquire(): Registrar {
    Registrar.#shared ??= new Registrar();
    Registrar.#shared.#users++;
    return Registrar.#shared;
  }

  private constructor() {
    const layout = layOut(CAPACITIES, 0);
    const name = new NameBuffer();
    this.#backing = openBacking(NAME, layout.size, ["memfd"], RTLD_NOW | RTLD_LOCAL, (fd, onDisk) => {
      const tables = new LiveTables(fd, layout, name, {
        soname: NAME,
        versions: [],
        fixed: true,
        onDisk,
        quiesce: () => {},
      });
      tables.text.ensure(1);
      tables.text.u8[0] = RET;
      writeSync(fd, new BigUint64Array([VERSION]), 0, 8, layout.data.offset);
      const add = (text: string, type: number, section: number, value: number, size: number): void => {
        name.set(text);
        const info = (STB.STB_GLOBAL << 4) | type;
        const fields = { value, size, info, other: STV.STV_DEFAULT, section, version: 0, reachable: true };
        tables.symbols.add(name, fields);
      };
      add("__jit_debug_register_code", STT.STT_FUNC, TEXT_SECTION, layout.text.offset, 1);
      add("__jit_debug_descriptor", STT.STT_OBJECT, DATA_SECTION, layout.data.offset, DESCRIPTOR_SIZE);
      storeTableSizes(tables.headers, layout, tables.symbols.end, tables.names.end);
      return tables;
    });
    const base = linkMapOf(this.#backing.handle).address;
    this.#data = new NativeRegion(base + BigInt(layout.data.offset), layout.data.size);
    this.#data.ensure(DESCRIPTOR_SIZE);
    this.#descriptor = new BigUint64Array(this.#data.u8.buffer, 0, DESCRIPTOR_SIZE / 8);
    const code = base + BigInt(layout.text.offset);
    this.#running = new NativeRegion(code, 1);
    this.#running.ensure(1);
    this.#call = callableAt(code, "void __jit_debug_register_code(void)");
    const emptyEntry = malloc(ENTRY_SIZE + this.#empty.length);
    copyTo(emptyEntry + BigInt(ENTRY_SIZE), this.#empty);
    this.#emptyEntry = entryAt(emptyEntry);
  }

  /** True while a debugger has its breakpoint on the function. */
  get isListening(): boolean {
    return this.#running.u8[0] !== RET;
  }

  /** Lists an object file in memory, and tells who listens. */
  register(entry: CodeEntry, symfile: bigint, size: number): void {
    const first = this.#descriptor[FIRST_ENTRY] ?? 0n;
    entry.words[SYMFILE_ADDRESS] = symfile;
    entry.words[SYMFILE_SIZE] = BigInt(size);
    entry.words[PREVIOUS] = 0n;
    entry.words[NEXT] = first;
    if (first !== 0n) entryAt(first).words[PREVIOUS] = entry.address;
    this.#descriptor[FIRST_ENTRY] = entry.address;
    this.#tell(JIT_REGISTER_FN, entry.address);
    this.#stale = false;
  }

  /** Takes an entry off the list, and tells who listens. */
  unregister(entry: CodeEntry): void {
    const next = entry.words[NEXT] ?? 0n;
    const previous = entry.words[PREVIOUS] ?? 0n;
    if (previous === 0n) this.#descriptor[FIRST_ENTRY] = next;
    else entryAt(previous).words[NEXT] = next;
    if (next !== 0n) entryAt(next).words[PREVIOUS] = previous;
    this.#tell(JIT_UNREGISTER_FN, entry.address);
    this.#stale = true;
  }

  /**
   * Has a debugger place its breakpoints anew, if anything was taken back. gdb does so when an object comes, not when
   * one goes. Without it, gdb would keep a breakpoint in a function that is gone, and in the end put the byte that was
   * under it over whatever lies there by then.
   */
  refresh(): void {
    if (!this.#stale || !this.isListening) return;
    const symfile = this.#emptyEntry.address + BigInt(ENTRY_SIZE);
    this.register(this.#emptyEntry, symfile, this.#empty.length);
    this.unregister(this.#emptyEntry);
    this.#stale = false;
  }

  /**
   * Ends one use; after the last, the object is unloaded. Not while a debugger has its breakpoint there: gdb would warn
   * its user that it had to disable it.
   */
  release(): void {
    if (--this.#users > 0 || this.isListening) return;
    Registrar.#shared = undefined;
    dlclose(this.#backing.handle);
    this.#data.close();
    this.#running.close();
    this.#backing.contents.close();
    this.#backing.close();
    free(this.#emptyEntry.address);
  }

  #tell(action: number, entry: bigint): void {
    if (!this.isListening) return;
    this.#descriptor[RELEVANT_ENTRY] = entry;
    this.#descriptor[VERSION_AND_ACTION] = VERSION | (BigInt(action) << 32n);
    this.#call();
    this.#descriptor[VERSION_AND_ACTION] = VERSION | (BigInt(JIT_NOACTION) << 32n);
  }
}

/** The entry at an address in native memory. */
export function entryAt(address: bigint): CodeEntry {
  const region = new NativeRegion(address, ENTRY_SIZE);
  region.ensure(ENTRY_SIZE);
  return { address, words: new BigUint64Array(region.u8.buffer, 0, ENTRY_SIZE / 8) };
}
