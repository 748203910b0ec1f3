/** Inferno modules as text and JSON. */
import { basename } from "node:path";
import {
  type ByteSource,
  type Dynsym,
  type InfernoImage,
  InfernoModule,
  infernoMachine,
  isInfernoModule,
  type RelocationTrace,
  relocationTrace,
} from "../../dynld/inferno/index.ts";
import { dumpLines } from "./dump.ts";
import type { ModinfoFormat, ModuleView } from "./format.ts";
import type { ModinfoOptions } from "./options.ts";

/** Modules of 386, arm and power. */
export const INFERNO_VIEWS: ModinfoFormat = { recognizes: isInfernoModule, view, refused };

/** A module, and what became of it if it was relocated. */
interface Loaded {
  readonly module: InfernoModule;
  readonly image: InfernoImage | undefined;
  readonly trace: RelocationTrace;
}

function view(
  file: string,
  source: ByteSource,
  options: ModinfoOptions,
  table: readonly Dynsym[],
): ModuleView {
  const loaded = load(source, options, table);
  const { module, image } = loaded;
  const { positions } = module.relocations;
  const warnings = (image?.unreachable ?? []).map((at) => {
    const { symbol } = module.relocationTarget(positions.indexOf(at));
    return `image+0x${at.toString(16)}: the branch does not reach ${symbol ?? "its target"}, its distance was cut`;
  });
  return { text: () => textOf(loaded), json: () => jsonOf(file, loaded), warnings };
}

function load(source: ByteSource, options: ModinfoOptions, exports: readonly Dynsym[]): Loaded {
  const { base, maxsize = 0, strict } = options;
  const module = InfernoModule.open(source, { maxsize, deferFaults: base !== undefined });
  const trace = relocationTrace(module.relocations.length);
  if (base === undefined) return { module, image: undefined, trace: fileWords(module, trace) };
  const policy = strict === true ? "strict" : "lenient";
  return { module, image: module.relocate({ base, exports, policy, trace }), trace };
}

/** The words that the file has where relocations are, as far as it has them. */
function fileWords(module: InfernoModule, trace: RelocationTrace): RelocationTrace {
  for (const [i, at] of module.relocations.positions.entries()) {
    trace.before[i] = module.wordAt(at);
    trace.before2[i] = module.wordAt(at + 4);
  }
  return trace;
}

const hex8 = (value: number | bigint | undefined): string => (value ?? 0).toString(16).padStart(8, "0");

/** Imports with what is known of each: the module's own signature, or the entry of the table. */
function importsOf({ module, image }: Loaded): Record<string, unknown>[] {
  return module.imports.map(({ name, sig }, index) => {
    const entry = image?.import?.[index];
    if (entry === undefined) return { index, name, sig: hex8(sig) };
    return { index, name, hostsig: hex8(entry.sig), addr: hex8(entry.addr) };
  });
}

function exportsOf({ module, image }: Loaded): readonly Dynsym[] {
  return image?.export ?? module.exports();
}

function relocsOf({ module, image, trace }: Loaded): Record<string, unknown>[] {
  const { positions, modes } = module.relocations;
  return Array.from(positions, (at, i) => {
    const mode = modes[i] ?? 0;
    const row: Record<string, unknown> = { at, mode, before: hex8(trace.before[i]) };
    if (image !== undefined) row.after = hex8(trace.after[i]);
    if (mode >= 3) row.before2 = hex8(trace.before2[i]);
    if (mode >= 3 && image !== undefined) row.after2 = hex8(trace.after2[i]);
    return row;
  });
}

function jsonOf(file: string, loaded: Loaded): unknown {
  const { module, image } = loaded;
  const { magic, text, data, bss } = module.header;
  const loadedBytes = text + data;
  const symbols = exportsOf(loaded).map(({ name, sig, addr }) => ({
    name,
    sig: hex8(sig),
    addr: hex8(addr),
  }));
  const place = image === undefined ? {} : { base: hex8(image.base) };
  const contents =
    image === undefined
      ? {}
      : {
          image: Buffer.from(image.bytes.subarray(0, loadedBytes)).toString("hex"),
          bsszero: image.bytes.subarray(loadedBytes).every((byte) => byte === 0),
        };
  return {
    file: basename(file),
    arch: module.machine.name,
    dynmagic: hex8(module.machine.magic),
    dynloadable: 1,
    header: { ...module.header, magic: hex8(magic) },
    ok: true,
    ...place,
    size: module.size,
    text,
    data,
    bss,
    nexport: symbols.length,
    exports: symbols,
    nimport: module.imports.length,
    imports: importsOf(loaded),
    nreloc: module.relocations.length,
    relocs: relocsOf(loaded),
    ...contents,
    ...((image?.unreachable.length ?? 0) === 0 ? {} : { unreachable: image?.unreachable }),
  };
}

function refused(file: string, start: Uint8Array): Readonly<Record<string, unknown>> {
  const magic = start.length < 4 ? undefined : new DataView(start.buffer, start.byteOffset, 4).getUint32(0);
  const machine = magic === undefined ? undefined : infernoMachine(magic);
  return {
    file: basename(file),
    ...(machine === undefined ? {} : { arch: machine.name, dynmagic: hex8(machine.magic) }),
    dynloadable: machine === undefined ? 0 : 1,
    ok: false,
  };
}

function* textOf(loaded: Loaded): Generator<string, void, undefined> {
  yield* headerText(loaded);
  const { module, image } = loaded;
  const symbols = exportsOf(loaded);
  yield "";
  yield `Exports: ${symbols.length}${image === undefined ? ", addresses relative to the image" : ""}`;
  if (symbols.length > 0) yield "  address   signature  name";
  for (const { name, sig, addr } of symbols) yield `  ${hex8(addr)}  ${hex8(sig)}   ${name}`;
  yield "";
  yield `Imports: ${module.imports.length}`;
  if (module.imports.length > 0) {
    yield image === undefined ? "  index  signature  name" : "  index  signature  provided  address   name";
  }
  for (const [index, { name, sig }] of module.imports.entries()) {
    const entry = image?.import?.[index];
    const provided = entry === undefined ? "" : `${hex8(entry.sig)}  ${hex8(entry.addr)}  `;
    yield `  ${String(index).padStart(5)}  ${hex8(sig)}   ${provided}${name}`;
  }
  yield "";
  yield* relocationText(loaded);
  if (image === undefined) return;
  const filled = image.text + image.data;
  yield "";
  yield `Image at 0x${image.base.toString(16)}: text and data${image.bss === 0 ? "" : `, followed by ${image.bss} bytes of bss`}`;
  yield* dumpLines(image.bytes.subarray(0, filled), image.base);
}

function* headerText({ module }: Loaded): Generator<string, void, undefined> {
  const { magic, text, data, bss, entry, syms, spsz, pcsz } = module.header;
  const row = (what: string, value: number, note = "") =>
    `  ${what.padEnd(22)} 0x${value.toString(16).padEnd(10)} ${value}${note}`;
  yield `Inferno module for ${module.machine.name}`;
  yield `  ${"Magic".padEnd(22)} 0x${hex8(magic)}`;
  yield row("Text", text, " bytes");
  yield row("Data", data, " bytes");
  yield row("Bss", bss, " bytes");
  yield row("Image", module.size, " bytes");
  yield row("Export table at", entry);
  yield row("Symbol table", syms, " bytes");
  yield row("Stack offset table", spsz, " bytes");
  yield row("Line number table", pcsz, " bytes");
}

function* relocationText({ module, image, trace }: Loaded): Generator<string, void, undefined> {
  const { positions, modes, length } = module.relocations;
  yield `Relocations: ${length}`;
  if (length > 0) yield `  offset    mode  ${image === undefined ? "words" : "words before -> after"}`;
  for (let i = 0; i < length; i++) {
    const mode = modes[i] ?? 0;
    const words = (first: Uint32Array, second: Uint32Array) =>
      mode < 3 ? hex8(first[i]) : `${hex8(first[i])} ${hex8(second[i])}`;
    const before = words(trace.before, trace.before2);
    const change = image === undefined ? before : `${before} -> ${words(trace.after, trace.after2)}`;
    yield `  ${hex8(positions[i])}  ${String(mode).padStart(4)}  ${change}  ${targetText(module, i)}`;
  }
}

function targetText(module: InfernoModule, index: number): string {
  const { symbol, addend } = module.relocationTarget(index);
  const plus = `+ 0x${addend.toString(16)}`;
  if (symbol === undefined) return `base ${plus}`;
  return addend === 0 ? symbol : `${symbol} ${plus}`;
}
