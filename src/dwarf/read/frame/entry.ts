/** Common information entries and frame description entries [DWARF5 6.4.1; LSB 5.0, 10.6.1]. */
import { leb128Length, readSleb128, readUleb128Number } from "../../../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../../../bytes/text.ts";
import { DW_EH_PE, pointerEncodingName } from "../../constants/frame.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import type { EncodedPointers, FramePointer } from "./pointer.ts";

const { DW_EH_PE_absptr, DW_EH_PE_omit, DW_EH_PE_indirect, DW_EH_PE_funcrel } = DW_EH_PE;
const FORMAT = 0x0f;
const APPLICATION = 0x70;

/** What entries need of the section that they are in. */
export interface FrameContext {
  readonly reader: FieldReader;
  /** `e_machine`, for instructions whose meaning it decides. */
  readonly machine: number;
  /** Bytes of an address where a CIE does not say. */
  readonly addressSize: number;
  /** Readers of encoded pointers, one for each encoding and size. */
  pointers(encoding: number, addressSize: number): EncodedPointers;
}

/** Reads the fields of one entry, none past its end. */
class EntryFields {
  readonly #context: FrameContext;
  readonly #end: number;
  readonly #what: string;
  at: number;

  constructor(context: FrameContext, what: string, at: number, end: number) {
    this.#context = context;
    this.#what = what;
    this.at = at;
    this.#end = end;
  }

  fail(code: "DWARF_TRUNCATED" | "DWARF_BAD_VALUE" | "DWARF_UNSUPPORTED", at: number, what: string): never {
    throw dwarfError(this.#context.reader.section, code, at, `${this.#what}: ${what}`);
  }

  take(size: number, what: string): number {
    const { at } = this;
    if (!(at + size <= this.#end)) {
      this.fail(
        "DWARF_TRUNCATED",
        at,
        `${what}: found ${this.#end - at} bytes before the end, expected ${size}`,
      );
    }
    this.at = at + size;
    return at;
  }

  byte(what: string): number {
    return this.#context.reader.bytes[this.take(1, what)] ?? 0;
  }

  uleb(what: string): number {
    return readUleb128Number(this.#context.reader.bytes, this.#leb(what));
  }

  sleb(what: string): number {
    return Number(readSleb128(this.#context.reader.bytes, this.#leb(what)));
  }

  text(what: string): string {
    const { bytes } = this.#context.reader;
    const end = findNul(bytes, this.at);
    const length = (end < 0 ? bytes.length : end) - this.at + 1;
    const start = this.take(length, what);
    return decodeUtf8(bytes, start, end);
  }

  /** Passes over an encoded pointer. */
  pointer(pointers: EncodedPointers): number {
    const { at } = this;
    this.at += pointers.length(at, this.#end);
    return at;
  }

  #leb(what: string): number {
    const length = leb128Length(this.#context.reader.bytes, this.at);
    return this.take(length === 0 ? 16 : length, what);
  }
}

/** What several functions' frames have in common. */
export class Cie {
  readonly context: FrameContext;
  /** Of the length field, in the section. */
  readonly offset: number;
  /** Behind the last byte. */
  readonly end: number;
  /** 1, 3 or 4. */
  readonly version: number;
  readonly augmentation: string;
  /** Bytes of an address. */
  readonly addressSize: number;
  /** Bytes of a segment selector: mostly 0. */
  readonly segmentSize: number;
  /** Factor of all advances. */
  readonly codeAlignment: number;
  /** Factor of most offsets. */
  readonly dataAlignment: number;
  /** DWARF number of the column that holds the return address. */
  readonly returnAddressRegister: number;
  /** FDEs have augmentation data, with its length before it: `z`. */
  readonly hasAugmentationData: boolean;
  /** The frame was made by the kernel for a signal handler: its pc is exact, not one behind a call. `S` */
  readonly isSignalFrame: boolean;
  /** Return addresses are signed with AArch64's key B. `B` */
  readonly usesKeyB: boolean;
  /** Reads initial locations, and the addresses of `DW_CFA_set_loc`. */
  readonly pointers: EncodedPointers;
  /** Reads how many bytes FDEs cover. */
  readonly ranges: EncodedPointers;
  /** Functions tag their stack memory, by AArch64's memory tagging extension. `G` */
  readonly tagsStack: boolean;
  /** `DW_EH_PE_` of pointers to language-specific data; `DW_EH_PE_omit` where FDEs have none. */
  readonly lsdaEncoding: number;
  /** First byte of the initial instructions. */
  readonly instructions: number;
  readonly #personalityAt: number;
  readonly #personalityEncoding: number;

  /**
   * Reads a CIE.
   * @param at behind the CIE id
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE
   */
  constructor(context: FrameContext, offset: number, at: number, end: number) {
    const fields = new EntryFields(context, "CIE", at, end);
    this.context = context;
    this.offset = offset;
    this.end = end;
    this.version = fields.byte("version");
    if (this.version !== 1 && this.version !== 3 && this.version !== 4) {
      fields.fail("DWARF_UNSUPPORTED", at, `version ${this.version}: expected 1, 3 or 4`);
    }
    this.augmentation = fields.text("augmentation");
    this.addressSize = this.version >= 4 ? fields.byte("address size") : context.addressSize;
    this.segmentSize = this.version >= 4 ? fields.byte("segment selector size") : 0;
    if (![2, 4, 8].includes(this.addressSize)) {
      fields.fail("DWARF_UNSUPPORTED", at, `address size ${this.addressSize}: expected 2, 4 or 8`);
    }
    if (![0, 1, 2, 4, 8].includes(this.segmentSize)) {
      fields.fail("DWARF_UNSUPPORTED", at, `segment selector size ${this.segmentSize}: expected at most 8`);
    }
    // What gcc 2 wrote: the address of its table of exceptions.
    if (this.augmentation.startsWith("eh")) fields.take(this.addressSize, "exception table");
    this.codeAlignment = fields.uleb("code alignment factor");
    this.dataAlignment = fields.sleb("data alignment factor");
    this.returnAddressRegister =
      this.version === 1 ? fields.byte("return address register") : fields.uleb("return address register");
    const found = readAugmentation(context, fields, this.augmentation, this.addressSize);
    if ((found.pointerEncoding & DW_EH_PE_indirect) !== 0) {
      const name = pointerEncodingName(found.pointerEncoding);
      fields.fail("DWARF_UNSUPPORTED", at, `${name}: the start of a function is not in memory`);
    }
    this.hasAugmentationData = this.augmentation.startsWith("z");
    this.isSignalFrame = found.isSignalFrame;
    this.usesKeyB = found.usesKeyB;
    this.tagsStack = found.tagsStack;
    this.pointers = context.pointers(found.pointerEncoding, this.addressSize);
    this.ranges = context.pointers(found.pointerEncoding & FORMAT, this.addressSize);
    this.lsdaEncoding = found.lsdaEncoding;
    this.#personalityAt = found.personalityAt;
    this.#personalityEncoding = found.personalityEncoding;
    this.instructions = fields.at;
  }

  /** The personality routine of the language that the functions are written in. */
  get personality(): FramePointer | undefined {
    if (this.#personalityAt < 0) return undefined;
    const encoding = this.#personalityEncoding;
    const pointers = this.context.pointers(encoding, this.addressSize);
    if (pointers.isNull(this.#personalityAt)) return undefined;
    return { value: pointers.at(this.#personalityAt), indirect: (encoding & DW_EH_PE_indirect) !== 0 };
  }
}

interface Augmentation {
  isSignalFrame: boolean;
  usesKeyB: boolean;
  tagsStack: boolean;
  pointerEncoding: number;
  lsdaEncoding: number;
  personalityEncoding: number;
  personalityAt: number;
}

/** Reads what the augmentation string announces; where its length is known, letters that nobody knows end the reading. */
function readAugmentation(
  context: FrameContext,
  fields: EntryFields,
  augmentation: string,
  addressSize: number,
): Augmentation {
  const found: Augmentation = {
    isSignalFrame: false,
    usesKeyB: false,
    tagsStack: false,
    pointerEncoding: DW_EH_PE_absptr,
    lsdaEncoding: DW_EH_PE_omit,
    personalityEncoding: DW_EH_PE_omit,
    personalityAt: -1,
  };
  const hasSize = augmentation.startsWith("z");
  // Arm's compiler marks its tables so and adds nothing.
  if (augmentation === "eh" || augmentation === "armcc+") return found;
  let end = fields.at;
  if (hasSize) {
    const size = fields.uleb("augmentation length");
    const start = fields.take(size, "augmentation data");
    end = start + size;
    fields.at = start;
  }
  for (const letter of augmentation.slice(hasSize ? 1 : 0)) {
    if (letter === "S") found.isSignalFrame = true;
    else if (letter === "B") found.usesKeyB = true;
    else if (letter === "G") found.tagsStack = true;
    else if (letter === "R") found.pointerEncoding = fields.byte("pointer encoding");
    else if (letter === "L") found.lsdaEncoding = fields.byte("LSDA encoding");
    else if (letter === "P") {
      found.personalityEncoding = fields.byte("personality encoding");
      if (found.personalityEncoding === DW_EH_PE_omit) continue;
      found.personalityAt = fields.pointer(context.pointers(found.personalityEncoding, addressSize));
    } else if (hasSize) break;
    else fields.fail("DWARF_UNSUPPORTED", fields.at, `augmentation "${augmentation}": not known`);
  }
  if (hasSize) {
    if (fields.at > end) {
      fields.fail("DWARF_BAD_VALUE", end, `augmentation "${augmentation}": its data go past their length`);
    }
    fields.at = end;
  }
  return found;
}

/** The frames of one range of code, mostly a function. */
export class Fde {
  readonly context: FrameContext;
  readonly cie: Cie;
  /** Of the length field, in the section. */
  readonly offset: number;
  /** Behind the last byte. */
  readonly end: number;
  /** Segment selector; 0 where there is none. */
  readonly segment: number;
  /** Where the initial location is. */
  readonly startAt: number;
  /** First byte of the instructions. */
  readonly instructions: number;
  readonly #rangeAt: number;
  readonly #lsdaAt: number;

  /**
   * Reads where the fields of an FDE are; their values are read when asked for.
   * @param at behind the CIE pointer
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED
   */
  constructor(cie: Cie, offset: number, at: number, end: number) {
    const { context } = cie;
    const fields = new EntryFields(context, "FDE", at, end);
    this.context = context;
    this.cie = cie;
    this.offset = offset;
    this.end = end;
    this.segment =
      cie.segmentSize === 0
        ? 0
        : context.reader.raw(fields.take(cie.segmentSize, "segment selector"), cie.segmentSize);
    this.startAt = fields.pointer(cie.pointers);
    this.#rangeAt = fields.pointer(cie.ranges);
    let lsdaAt = -1;
    if (cie.hasAugmentationData) {
      const size = fields.uleb("augmentation length");
      const start = fields.take(size, "augmentation data");
      if (cie.lsdaEncoding !== DW_EH_PE_omit && size > 0) {
        lsdaAt = start;
        context.pointers(cie.lsdaEncoding, cie.addressSize).length(start, start + size);
      }
    }
    this.#lsdaAt = lsdaAt;
    this.instructions = fields.at;
  }

  /** The first address covered. */
  get start(): Relocatable {
    return this.cie.pointers.at(this.startAt);
  }

  /** How many bytes are covered: a number, save where a linker may still shorten code. */
  get range(): Relocatable {
    return this.cie.ranges.at(this.#rangeAt);
  }

  /** How many bytes are covered. Exact below 2^53. @throws DwarfError DWARF_BAD_RELOCATION */
  get size(): number {
    const { reader } = this.context;
    const pointers = this.cie.ranges;
    if (reader.section.relocations === undefined) {
      pointers.locate(this.#rangeAt);
      return pointers.high * 0x1_0000_0000 + pointers.low;
    }
    const { target, addend } = pointers.at(this.#rangeAt).info();
    if (target !== undefined) {
      throw dwarfError(
        reader.section,
        "DWARF_BAD_RELOCATION",
        this.#rangeAt,
        "FDE: range: counts from a section, expected a number",
      );
    }
    return Number(addend);
  }

  /** The language-specific data of the function, where it has some. */
  get lsda(): FramePointer | undefined {
    if (this.#lsdaAt < 0) return undefined;
    const { lsdaEncoding, addressSize } = this.cie;
    const indirect = (lsdaEncoding & DW_EH_PE_indirect) !== 0;
    const fromFunction = (lsdaEncoding & APPLICATION) === DW_EH_PE_funcrel;
    const encoding = fromFunction ? lsdaEncoding & FORMAT : lsdaEncoding;
    const pointers = this.context.pointers(encoding, addressSize);
    if (pointers.isNull(this.#lsdaAt)) return undefined;
    const value = pointers.at(this.#lsdaAt);
    return { value: fromFunction ? this.start.plus(value.info().addend) : value, indirect };
  }
}
