/** A module in the place it was relocated to. Its code runs only where something puts the bytes there. */
import { DynldError } from "../../errors.ts";
import type { Dynobj } from "../dynobj.ts";
import { type Dynsym, type DynsymLike, dynfindsym } from "../dynsym.ts";
import { checkSignature } from "../policy.ts";
import type { InfernoHeader } from "./header.ts";
import type { InfernoMachine } from "./machine.ts";

/** What an image is made of. */
interface ImageParts {
  readonly name: string | undefined;
  readonly machine: InfernoMachine;
  readonly header: InfernoHeader;
  readonly bytes: Uint8Array;
  readonly base: bigint;
  readonly exports: readonly Dynsym[];
  readonly imports: readonly DynsymLike[];
  readonly unreachable: readonly number[];
}

/** An Inferno module relocated to {@link base}. It owns its bytes until `free`. */
export class InfernoImage implements Dynobj {
  /** How messages call it. */
  readonly name: string | undefined;
  readonly machine: InfernoMachine;
  readonly header: InfernoHeader;
  readonly size: number;
  readonly text: number;
  readonly data: number;
  readonly bss: number;
  readonly base: bigint;
  /**
   * Image offsets of branches of arm and power whose target is more than 32 MB away, or no multiple of 4: they are made
   * as Inferno's loader makes them, the distance cut to the bits there are, and lead elsewhere.
   */
  readonly unreachable: readonly number[];
  #bytes: Uint8Array | undefined;
  #export: readonly Dynsym[];
  #import: readonly DynsymLike[] | undefined;

  constructor(parts: ImageParts) {
    const { header } = parts;
    this.name = parts.name;
    this.machine = parts.machine;
    this.header = header;
    this.size = parts.bytes.length;
    this.text = header.text;
    this.data = header.data;
    this.bss = header.bss;
    this.base = parts.base;
    this.unreachable = parts.unreachable;
    this.#bytes = parts.bytes;
    this.#export = parts.exports;
    this.#import = parts.imports;
  }

  /** Text, data and bss, one behind the other. @throws DynldError `DYNLD_FREED` */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const place = this.name === undefined ? {} : { file: this.name };
      throw new DynldError("DYNLD_FREED", place, "the module was freed");
    }
    return this.#bytes;
  }

  get export(): readonly Dynsym[] {
    return this.#export;
  }

  get nexport(): number {
    return this.#export.length;
  }

  get import(): readonly DynsymLike[] | undefined {
    return this.#import;
  }

  get nimport(): number {
    return this.#import?.length ?? 0;
  }

  /** Address of an exported symbol; `undefined` if there is none, or both signatures are not 0 and differ. */
  address(name: string, sig: number | bigint = 0): bigint | undefined {
    const found = dynfindsym(name, this.#export);
    if (found === undefined || checkSignature(name, BigInt(sig), found.sig) === "differs") return undefined;
    return found.addr;
  }

  /** Drops the import table. */
  freeImport(): void {
    this.#import = undefined;
  }

  /** Drops the bytes and both tables. Doing so twice is harmless. */
  free(): void {
    this.#bytes = undefined;
    this.#export = [];
    this.#import = undefined;
  }

  /** The same as `free`. */
  [Symbol.dispose](): void {
    this.free();
  }
}
