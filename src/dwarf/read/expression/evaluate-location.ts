/** What an evaluated expression says [DWARF5 2.6.1], and the bytes that are there. */
import { dwarfError } from "../../place.ts";
import type { Resolver } from "../../relocation/relocatable.ts";
import { bitsToBytes, type StackValue } from "./evaluate-value.ts";
import type { Expression } from "./expression.ts";

/** Where a thing, or a part of one, is. */
export type Location =
  /** In memory; in an address space of its own, where one was given. */
  | { readonly kind: "memory"; readonly address: bigint; readonly space?: bigint }
  | { readonly kind: "register"; readonly register: number }
  /** Nowhere, but its value is known. */
  | { readonly kind: "value"; readonly value: StackValue }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** A pointer whose own value is lost: it leads `offset` bytes into what the entry at `entry` of `.debug_info` describes. */
  | { readonly kind: "pointer"; readonly entry: number; readonly offset: bigint }
  /** Optimised away. */
  | { readonly kind: "absent" };

/** A part of a thing. */
export interface Piece {
  readonly location: Location;
  /** Bits of it; `undefined` when it is the whole. */
  readonly bits: number | undefined;
  /** Bits that are passed over at the location. */
  readonly bitOffset: number;
}

/** What an expression comes to: where the parts of an object are, or what they are. */
export interface Evaluation {
  /** In order; one without bits, or several with. */
  readonly pieces: readonly Piece[];
  /** The thing has no value yet. [GCC, `DW_OP_GNU_uninit`] */
  readonly uninitialized: boolean;
}

/**
 * What an expression may ask of the program it speaks of. What is left out is an error where it is needed; what is
 * thrown by one of these passes through.
 */
export interface EvaluationContext {
  /** The whole of a register, by its DWARF number, as an unsigned number. */
  readonly register?: (register: number) => bigint;
  /** `size` bytes of memory. */
  readonly memory?: (address: bigint, size: number, space?: bigint) => Uint8Array;
  /** The value of the function's `DW_AT_frame_base`. */
  readonly frameBase?: () => bigint;
  /** The canonical frame address. */
  readonly frameAddress?: () => bigint;
  /** The object that is being looked at. */
  readonly objectAddress?: () => bigint;
  /** The address of the current thread's copy of the variable at an offset. */
  readonly threadAddress?: (offset: bigint) => bigint;
  /** The value that an expression had on entry to the function. */
  readonly entryValue?: (expression: Expression) => StackValue;
  /** The value on entry of the parameter that the entry at an offset of `.debug_info` describes. */
  readonly parameterValue?: (entry: number) => StackValue;
  /** The value of the variable that the entry at an offset of `.debug_info` describes. */
  readonly variableValue?: (entry: number) => StackValue;
  /** The `DW_AT_location` of the entry at an offset of `.debug_info`; `undefined` when it has none. */
  readonly called?: (entry: number) => Expression | undefined;
  /** Places sections; without it the resolver in force does. */
  readonly resolver?: Resolver;
  /** Values on the stack before the first operation, the last on top. */
  readonly stack?: readonly bigint[];
  /** Operations before an evaluation is taken for endless; 10,000 if not said. */
  readonly steps?: number;
}

/** Largest thing that is read, so that a wrong size asks for no endless memory. */
const LARGEST = 1 << 24;

/**
 * The bytes of a thing, put together from its pieces.
 * @param size of the thing
 * @param expression that was evaluated; gives byte order, and the place of errors
 * @throws DwarfError DWARF_UNSUPPORTED where a part is optimised away, is a lost pointer, or can't be read; DWARF_BAD_VALUE
 */
export function locatedBytes(
  { pieces }: Evaluation,
  size: number,
  expression: Expression,
  context: EvaluationContext,
): Uint8Array {
  const { reader, offset } = expression;
  const { little } = reader;
  const fail = (code: "DWARF_UNSUPPORTED" | "DWARF_BAD_VALUE", what: string): never => {
    throw dwarfError(reader.section, code, offset, `location: ${what}`);
  };
  if (!(size >= 0 && size <= LARGEST)) fail("DWARF_BAD_VALUE", `${size} bytes of one thing`);
  const read = (location: Location, bytes: number): Uint8Array => {
    if (!(bytes <= 2 * LARGEST)) fail("DWARF_BAD_VALUE", `${bytes} bytes at one place`);
    switch (location.kind) {
      case "memory": {
        const { address, space } = location;
        const found =
          context.memory?.(address, bytes, space) ?? fail("DWARF_UNSUPPORTED", "no memory to read");
        return found.length === bytes
          ? found
          : fail("DWARF_BAD_VALUE", `found ${found.length} bytes, expected ${bytes}`);
      }
      case "register": {
        const bits =
          context.register?.(location.register) ?? fail("DWARF_UNSUPPORTED", "no registers to read");
        return bitsToBytes(bits, bytes, little);
      }
      case "value":
        return bitsToBytes(location.value.bits, bytes, little);
      case "bytes":
        return location.bytes.length >= bytes
          ? location.bytes.subarray(0, bytes)
          : fail("DWARF_BAD_VALUE", `found ${location.bytes.length} bytes, expected ${bytes}`);
      case "pointer":
        return fail("DWARF_UNSUPPORTED", "a pointer whose value is lost");
      default:
        return fail("DWARF_UNSUPPORTED", "optimised away");
    }
  };
  const [first] = pieces;
  if (first !== undefined && first.bits === undefined) return read(first.location, size);
  const whole = new Uint8Array(size);
  let filled = 0;
  for (const { location, bits, bitOffset } of pieces) {
    const wanted = Math.min(bits ?? 0, 8 * size - filled);
    if (wanted <= 0) continue;
    const bytes = read(location, Math.ceil((bitOffset + wanted) / 8));
    copyBits(bytes, bitOffset, whole, filled, wanted, little);
    filled += wanted;
  }
  if (filled < 8 * size) fail("DWARF_BAD_VALUE", `the pieces have ${filled} bits, expected ${8 * size}`);
  return whole;
}

/** Copies bits, which are counted from the low end of each byte where bytes are, and from the high end else. */
function copyBits(
  from: Uint8Array,
  fromBit: number,
  to: Uint8Array,
  toBit: number,
  count: number,
  little: boolean,
): void {
  if (fromBit % 8 === 0 && toBit % 8 === 0 && count % 8 === 0) {
    to.set(from.subarray(fromBit / 8, (fromBit + count) / 8), toBit / 8);
    return;
  }
  const place = (bit: number): number => (little ? bit & 7 : 7 - (bit & 7));
  for (let i = 0; i < count; i++) {
    const bit = ((from[(fromBit + i) >> 3] ?? 0) >> place(fromBit + i)) & 1;
    const at = (toBit + i) >> 3;
    to[at] = (to[at] ?? 0) | (bit << place(toBit + i));
  }
}
