/** Modules as images at an address of the caller's, of any machine: nothing is mapped or run. */
import { linkError, readingModule } from "./fault.ts";
import type { ImportSource } from "./imports.ts";
import type { ModuleFile } from "./input.ts";
import { isExported, ModuleLink, type PlacedSymbol } from "./link.ts";
import { alignUp, SEGMENTS, type SegmentName } from "./sections.ts";

/** How an image is made. */
export interface ImageRequest {
  /** Address of its first byte. */
  readonly base: bigint;
  /** What it may import; nothing by default. */
  readonly imports?: ImportSource;
  /** Its text, data and bss together must be below this many bytes; 0 is no limit but the one of 1 GiB. */
  readonly maxsize?: number;
}

/** A segment of an image. */
export interface ImageSegment {
  readonly name: SegmentName;
  /** Where it begins in the image's bytes. */
  readonly offset: number;
  readonly size: number;
}

/** A section of an input, in an image. */
export interface ImageSection {
  readonly file: string;
  readonly name: string;
  readonly address: bigint;
  readonly size: number;
}

/** A module as it would lie at its base. */
export interface ModuleImage {
  readonly base: bigint;
  /** Text, read-only data and data with their zeros, each from a page on. */
  readonly bytes: Uint8Array;
  readonly segments: readonly ImageSegment[];
  readonly sections: readonly ImageSection[];
  /** All symbols that it defines. */
  readonly symbols: readonly PlacedSymbol[];
  /** Those that others may see, by name. */
  readonly exports: ReadonlyMap<string, bigint>;
  /** What it imports, by name. */
  readonly imports: ReadonlyMap<string, bigint>;
}

const PAGE = 4096;
/** Addresses that numbers hold, with room for what is added to them. */
const HIGHEST = 2n ** 52n;

const NO_IMPORTS: ImportSource = { find: () => undefined, names: () => [] };

/**
 * Links relocatable objects into an image.
 * @throws DynldError as loading does
 */
export function linkImage(files: readonly ModuleFile[], request: ImageRequest): ModuleImage {
  return readingModule(() => link(files, request));
}

function link(files: readonly ModuleFile[], request: ImageRequest): ModuleImage {
  const { base, imports = NO_IMPORTS, maxsize = 0 } = request;
  const plan = ModuleLink.plan(files, { imports, maxsize });
  const first = Number(base);
  const align = Math.max(PAGE, ...SEGMENTS.map((name) => plan.align[name]));
  if (base < 0n || base > HIGHEST || first % align !== 0) {
    const what = `base: found 0x${base.toString(16)}, expected a multiple of ${align} below 2^52`;
    throw linkError("DYNLD_BAD_ARGUMENT", files[0]?.name, undefined, undefined, what);
  }
  let end = 0;
  const segments = SEGMENTS.map((name) => {
    const offset = alignUp(end, align);
    const size = plan.size[name];
    end = offset + size;
    return { name, offset, size };
  });
  const bytes = new Uint8Array(end);
  const threadSize = plan.size.threads;
  if (threadSize > 0) {
    const what = `found ${threadSize} bytes of thread-local storage: only a loader gives each thread its own`;
    throw linkError("DYNLD_UNSUPPORTED", files[0]?.name, undefined, undefined, what);
  }
  const [text, rodata, data, threads] = segments.map(({ offset, size }) =>
    bytes.subarray(offset, offset + size),
  );
  const [textAt = 0, rodataAt = 0, dataAt = 0, threadsAt = 0] = segments.map(({ offset }) => first + offset);
  if (text === undefined || rodata === undefined || data === undefined || threads === undefined) {
    throw new TypeError("segments");
  }
  const at = { text: textAt, rodata: rodataAt, data: dataAt, threads: threadsAt };
  plan.place({ text, rodata, data, threads }, at);
  const symbols = [...plan.placedSymbols()];
  return {
    base,
    bytes,
    segments,
    sections: plan.sections.pieces.map((piece) => ({
      file: piece.input.name,
      name: piece.section.label,
      address: BigInt(plan.addressOf(piece)),
      size: piece.size,
    })),
    symbols,
    exports: new Map(symbols.filter(isExported).map(({ name, address }) => [name, BigInt(address)] as const)),
    imports: new Map(plan.imports.map(({ name, symbol }) => [name, symbol.address] as const)),
  };
}
