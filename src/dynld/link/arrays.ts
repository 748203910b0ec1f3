/** Which functions run when a module comes and when it goes. [gABI, "Initialization and Termination Functions"] */
import { readSize64 } from "../../bytes/endian.ts";
import { SHT } from "../../elf/constants/section.ts";
import { linkError } from "./fault.ts";
import type { SegmentAddresses, SegmentBytes } from "./relocator.ts";
import type { Piece, SectionPlan } from "./sections.ts";

/** Addresses of functions in the order in which they run. */
export interface ModuleFunctions {
  readonly initialisers: readonly number[];
  readonly finalisers: readonly number[];
}

/** Priority of functions without one: behind all others. */
const LAST = 65_536;
const MAX_PRIORITY = 65_535;

/** What a section of functions is for. */
interface FunctionArray {
  readonly kind: "preinit" | "init" | "fini";
  /** Lower runs earlier at the start, later at the end. */
  readonly priority: number;
  /** The older form, whose arrays run from their end. */
  readonly isReversed: boolean;
}

const WORD = 8;
/** What compilers' own start files put at the bounds of the older arrays. */
const NONE = new Set([0, 2 ** 64]);

function arrayOf({ section }: Piece): FunctionArray | undefined {
  const [, name = "", number] =
    /^\.(preinit_array|init_array|fini_array|ctors|dtors)(?:\.(\d+))?$/.exec(section.label) ?? [];
  const given = number === undefined ? LAST : Number(number);
  switch (name) {
    case "ctors":
    case "dtors": {
      // Numbered the other way round.
      const priority = number === undefined ? LAST : MAX_PRIORITY - given;
      return { kind: name === "ctors" ? "init" : "fini", priority, isReversed: true };
    }
    case "preinit_array":
      return { kind: "preinit", priority: given, isReversed: false };
    case "init_array":
      return { kind: "init", priority: given, isReversed: false };
    case "fini_array":
      return { kind: "fini", priority: given, isReversed: false };
    default:
      if (section.type === SHT.SHT_INIT_ARRAY) return { kind: "init", priority: LAST, isReversed: false };
      if (section.type === SHT.SHT_FINI_ARRAY) return { kind: "fini", priority: LAST, isReversed: false };
      return undefined;
  }
}

/**
 * Reads the arrays of a placed module.
 * @param isCode whether a function may be at an address
 * @throws DynldError DYNLD_BAD_VALUE for one that can't be
 */
export function moduleFunctions(
  plan: SectionPlan,
  bytes: SegmentBytes,
  isCode: (address: number) => boolean,
): ModuleFunctions {
  const found: { array: FunctionArray; addresses: number[] }[] = [];
  for (const piece of plan.pieces) {
    const array = arrayOf(piece);
    if (array === undefined) continue;
    const addresses: number[] = [];
    for (let at = 0; at + WORD <= piece.size; at += WORD) {
      const address = readSize64(bytes[piece.segment], piece.offset + at, true);
      if (NONE.has(address)) continue;
      if (!isCode(address)) {
        const what = `found 0x${address.toString(16)}, expected the address of a function`;
        throw linkError("DYNLD_BAD_VALUE", piece.input.name, piece.section.label, at, what);
      }
      addresses.push(address);
    }
    found.push({ array, addresses: array.isReversed ? addresses.reverse() : addresses });
  }
  // Stable: those of one priority stay in the order of the files.
  found.sort((a, b) => a.array.priority - b.array.priority);
  const of = (kind: FunctionArray["kind"]): number[] =>
    found.filter(({ array }) => array.kind === kind).flatMap(({ addresses }) => addresses);
  return {
    initialisers: [...of("preinit"), ...of("init")],
    finalisers: of("fini").reverse(),
  };
}

/** Segments as code sees them: whether an address lies in text. */
export function isInText(plan: SectionPlan, at: SegmentAddresses): (address: number) => boolean {
  return (address) => address >= at.text && address < at.text + plan.size.text;
}
