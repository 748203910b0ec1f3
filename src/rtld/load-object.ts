/** Loaded objects: the fields of `rd_loadobj_t`, as far as loaders on Linux have them. */
import type { ProgramHeader } from "../dwfl/process/link-map.ts";
import type { MemoryImage } from "../dwfl/process/memory-image.ts";
import { DT } from "../elf/constants/dynamic.ts";
import { PF, PT } from "../elf/constants/segment.ts";
import type { ElfFile } from "../elf/file.ts";
import { BinderyError } from "../errors.ts";
import { openElf } from "../host/file.ts";
import { RD_FLG_MEM_OBJECT } from "./constants.ts";
import { type FunctionSlot, functionSlots } from "./function-slots.ts";
import { firstInitializer } from "./initializers.ts";
import type { Rendezvous } from "./rendezvous.ts";

/** What a `struct link_map` says. */
export interface LinkMapFields {
  /** Address of the structure. */
  readonly at: bigint;
  /** `l_addr`: what was added to the file's addresses. */
  readonly bias: bigint;
  /** Address of `l_name`, a path, empty for the program. */
  readonly nameAddr: bigint;
  /** `l_ld`: address of the dynamic section. */
  readonly dynamic: bigint;
}

/** One segment of an object, where it is in memory. */
export interface LoadSegment {
  readonly start: bigint;
  readonly end: bigint;
  /** `PF` bits, as the file has them. */
  readonly flags: number;
}

interface Plt {
  readonly base: bigint;
  readonly size: number;
}

/** What an object needs of its process. */
export interface LoadObjectHost {
  readonly rendezvous: Rendezvous;
  /** Path of the file here; see `ProcService.pfile`. */
  file(path: string): string | undefined;
  /** The loader's number for the object's thread-local storage, if it says; 0 for none. */
  tlsModId(object: LoadObject): number;
}

/**
 * One object in a link map: `rd_loadobj_t`. What is not in the link map itself is read when it is first asked for, which
 * must be while the process still has the object.
 */
export class LoadObject {
  /** Path of the file, as the run-time linker has it; of the program, as it was started. */
  readonly name: string;
  /** `rl_nameaddr`: where the process has the name. */
  readonly nameAddr: bigint;
  /** `rl_lmident`: the namespace, 0 for the program's own. */
  readonly lmIdent: number;
  /** `rl_dynamic`: address of the dynamic section. */
  readonly dynamic: bigint;
  /** What was added to the file's addresses. */
  readonly bias: bigint;
  /** Address of its `struct link_map`. */
  readonly linkMap: bigint;
  /** Whether it is the program itself. */
  readonly isProgram: boolean;
  readonly #host: LoadObjectHost;
  #headers: readonly ProgramHeader[] | undefined;
  #segments: readonly LoadSegment[] | undefined;
  #image: { readonly elf: ElfFile | undefined } | undefined;
  #plt: Plt | undefined;
  #tls: number | undefined;

  constructor(host: LoadObjectHost, fields: LinkMapFields, lmid: number, isProgram: boolean) {
    this.#host = host;
    this.linkMap = fields.at;
    this.bias = fields.bias;
    this.nameAddr = fields.nameAddr;
    this.dynamic = fields.dynamic;
    this.lmIdent = lmid;
    this.isProgram = isProgram;
    const name = host.rendezvous.string(fields.nameAddr);
    this.name = name === "" && isProgram ? host.rendezvous.programName : name;
  }

  /** `rl_flags`: {@link RD_FLG_MEM_OBJECT} of what has no file. */
  get flags(): number {
    return this.bias === this.#host.rendezvous.vdso && !this.isProgram ? RD_FLG_MEM_OBJECT : 0;
  }

  /** `rl_base`: lowest address. */
  get base(): bigint {
    const [first] = this.segments;
    return first === undefined ? this.bias : first.start & ~0xfffn;
  }

  /** `rl_data_base`: address of the first segment that can be written to; 0 if there is none. */
  get dataBase(): bigint {
    return this.segments.find((one) => (one.flags & PF.PF_W) !== 0)?.start ?? 0n;
  }

  /** `rl_bend`: end of the last segment. */
  get end(): bigint {
    const none = { end: this.bias };
    return this.segments.reduce((a, b) => (b.end > a.end ? b : a), none).end;
  }

  /** Its segments, by its headers in memory; none if these are damaged. */
  get segments(): readonly LoadSegment[] {
    this.#segments ??= this.#programHeaders
      .filter(({ type }) => type === PT.PT_LOAD)
      .map(({ vaddr, memsz, flags }) => ({
        start: this.bias + vaddr,
        end: this.bias + vaddr + memsz,
        flags,
      }));
    return this.#segments;
  }

  /** Whether an address is in one of its segments. */
  has(address: bigint): boolean {
    return this.segments.some(({ start, end }) => address >= start && address < end);
  }

  /** `rl_refname`: of a filter, the object that it stands for; otherwise empty. */
  get refName(): string {
    return this.#texts(DT.DT_FILTER)[0] ?? this.#texts(DT.DT_AUXILIARY)[0] ?? "";
  }

  /** `DT_SONAME`: the name by which others need it; empty if it has none. */
  get soname(): string {
    return this.#texts(DT.DT_SONAME)[0] ?? "";
  }

  /** `DT_NEEDED`: names of the libraries that it needs, in order. */
  get needed(): readonly string[] {
    return this.#texts(DT.DT_NEEDED);
  }

  /** Words that the run-time linker puts addresses of functions into; none if its dynamic section is damaged. */
  get functionSlots(): readonly FunctionSlot[] {
    return this.#read((elf) => functionSlots(elf, this.bias)) ?? [];
  }

  /** Address of the first of its initializers, once it is relocated; `undefined` if it has none, or can't be read. */
  get firstInitializer(): bigint | undefined {
    const { rendezvous } = this.#host;
    const word = (address: bigint) => rendezvous.words(address, 1, `${this.name}: initializers`)[0];
    return this.#read((elf) => firstInitializer(elf, this.bias, word));
  }

  /** How many relocations it has for the run-time linker. */
  get relocationCount(): number {
    return this.#host.rendezvous.relocationCount(this.dynamic, this.bias);
  }

  /** `rl_plt_base`: address of the procedure linkage table, by the section headers of the file; 0 if it has none. */
  get pltBase(): bigint {
    return this.#linkage.base;
  }

  /** `rl_plt_size`: bytes of the procedure linkage table, with its parts `.plt.got` and `.plt.sec` where they follow. */
  get pltSize(): number {
    return this.#linkage.size;
  }

  /** `DT_PLTGOT`: address of the global offset table that its linkage table goes by; `undefined` if it has none. */
  get pltGot(): bigint | undefined {
    const find = (elf: ElfFile) => elf.dynamic()?.entries.find((one) => one.tag === DT.DT_PLTGOT)?.value;
    const value = this.#read(find);
    return value === undefined ? undefined : this.bias + value;
  }

  /** `rl_padstart`: as {@link base}, for these loaders leave no room around objects. */
  get padStart(): bigint {
    return this.base;
  }

  /** `rl_padend`: as {@link end}. */
  get padEnd(): bigint {
    return this.end;
  }

  /** `rl_tlsmodid`: the loader's number for its thread-local storage; 0 if it has none, or the loader does not say. */
  get tlsModId(): number {
    this.#tls ??= this.#host.tlsModId(this);
    return this.#tls;
  }

  /** Whether it has thread-local storage. */
  get hasTls(): boolean {
    return this.#programHeaders.some((one) => one.type === PT.PT_TLS);
  }

  /** Whether a file of a build id may be what it was loaded from: another one may be there since, as after an upgrade. */
  isOf(buildId: string | undefined): boolean {
    const own = this.#memoryImage()?.buildId;
    return own === undefined || own === buildId;
  }

  /** Whether it is the same object as another one, read at another time. */
  isSame(other: LinkMapFields): boolean {
    return (
      this.linkMap === other.at &&
      this.bias === other.bias &&
      this.nameAddr === other.nameAddr &&
      this.dynamic === other.dynamic
    );
  }

  get #programHeaders(): readonly ProgramHeader[] {
    const { rendezvous } = this.#host;
    this.#headers ??= this.isProgram ? rendezvous.headers : (rendezvous.headersAt(this.bias) ?? []);
    return this.#headers;
  }

  get #linkage(): Plt {
    this.#plt ??= this.#readPlt();
    return this.#plt;
  }

  #readPlt(): Plt {
    const none = { base: 0n, size: 0 };
    const path = this.flags === 0 ? this.#host.file(this.isProgram ? "" : this.name) : undefined;
    if (path === undefined) return none;
    try {
      using file = openElf(path);
      if (!this.isOf(file.elf.buildId())) return none;
      const parts = [".plt", ".plt.got", ".plt.sec"].flatMap((name) => file.elf.sectionsNamed(name));
      const [first] = parts;
      if (first === undefined) return none;
      const end = parts.reduce((a, b) => (a.addr > b.addr ? a : b));
      const base = parts.reduce((a, b) => (a.addr < b.addr ? a : b)).addr;
      return { base: base + this.bias, size: Number(end.addr - base) + end.size };
    } catch (error) {
      if (error instanceof BinderyError) return none;
      throw error;
    }
  }

  #texts(tag: number): string[] {
    const found = this.#read((elf) => {
      const table = elf.dynamic();
      const entries = table?.entries.filter((one) => one.tag === tag) ?? [];
      return entries.map((one) => table?.stringOf(one) ?? "");
    });
    return found ?? [];
  }

  /** What can be had of the file in memory; `undefined` if that is damaged. */
  #read<T>(get: (elf: ElfFile) => T): T | undefined {
    this.#image ??= { elf: this.#memoryImage()?.elf };
    const { elf } = this.#image;
    try {
      return elf === undefined ? undefined : get(elf);
    } catch (error) {
      if (error instanceof BinderyError) return undefined;
      throw error;
    }
  }

  #memoryImage(): MemoryImage | undefined {
    const { rendezvous } = this.#host;
    // The headers of a program lie in the page of AT_PHDR; those of libraries at their bias.
    const header = this.isProgram ? rendezvous.programHeaders & ~0xfffn : this.bias;
    return rendezvous.imageAt(header, this.name);
  }
}
