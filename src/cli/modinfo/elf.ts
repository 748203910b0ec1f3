/** ELF modules, and bare relocatable objects, as text and JSON. */
import { basename } from "node:path";
import type { ByteSource } from "../../bytes/source.ts";
import { symbolDeclaration } from "../../dynld/ctype/declaration.ts";
import { type Dynsym, dynfindsym } from "../../dynld/dynsym.ts";
import { type ContentsRelocation, type ContentsSymbol, ElfContents } from "../../dynld/elf-contents.ts";
import { ELF_FORMAT } from "../../dynld/elf-format.ts";
import type { ModuleImage } from "../../dynld/link/image.ts";
import { signatureText } from "../../dynld/signature/signature.ts";
import { machineName } from "../../elf/constants/machine.ts";
import { dumpLines } from "./dump.ts";
import type { ModinfoFormat, ModuleView } from "./format.ts";
import type { ModinfoOptions } from "./options.ts";

/** What mkmod and compilers make. */
export const ELF_VIEWS: ModinfoFormat = { recognizes: ELF_FORMAT.recognizes, view, refused };

/** A module, and what became of it if it was relocated. */
interface Loaded {
  readonly contents: ElfContents;
  readonly image: ModuleImage | undefined;
  readonly table: readonly Dynsym[];
}

function view(
  file: string,
  source: ByteSource,
  options: ModinfoOptions,
  table: readonly Dynsym[],
): ModuleView {
  const { base, maxsize, strict } = options;
  const contents = ElfContents.read({ name: file, bytes: source.read(0, source.size) }, maxsize);
  const policy = strict === true ? "strict" : "lenient";
  const image = base === undefined ? undefined : contents.image({ base, table, policy });
  const loaded = { contents, image, table };
  return { text: () => textOf(loaded), json: () => jsonOf(file, loaded), warnings: [] };
}

function refused(file: string): Readonly<Record<string, unknown>> {
  return { file: basename(file), format: "ELF", dynloadable: 1, ok: false };
}

const hex16 = (value: bigint): string => value.toString(16).padStart(16, "0");
const hex8 = (value: number): string => value.toString(16).padStart(8, "0");

function declared({ type }: ContentsSymbol): string | undefined {
  return type === undefined ? undefined : symbolDeclaration(type);
}

/** Header facts: machine, class, byte order, flags. */
function headerOf({ link }: ElfContents) {
  const [input] = link.inputs;
  const { machine = 0, is64 = true, little = true } = input?.elf.image ?? {};
  return {
    machine: machineName(machine),
    class: is64 ? 64 : 32,
    byteOrder: little ? "little" : "big",
    flags: input?.elf.header.flags ?? 0,
  };
}

/** Bytes as the loader counts them: code and what is only read, data, zeros. */
function sizesOf({ link }: ElfContents) {
  const { text, rodata, data, threads } = link.size;
  return { text: text + rodata + threads, data: data - link.zeros, bss: link.zeros };
}

function jsonOf(file: string, { contents, image, table }: Loaded): unknown {
  const header = headerOf(contents);
  const sizes = sizesOf(contents);
  const exports = contents.exports.map((one) => {
    const { name, sig, section, offset, size } = one;
    const place = image === undefined ? {} : { addr: hex16(image.exports.get(name) ?? 0n) };
    return { name, sig: hex16(sig), ...place, section, at: offset, size, declaration: declared(one) };
  });
  const imports = contents.imports.map((one, index) => {
    const { name, sig } = one;
    const entry = image === undefined ? undefined : dynfindsym(name, table);
    const provided =
      entry === undefined ? {} : { hostsig: hex16(BigInt(entry.sig)), addr: hex16(BigInt(entry.addr)) };
    return { index, name, sig: hex16(sig), ...provided, declaration: declared(one) };
  });
  const relocs = Array.from(contents.relocations(), ({ section, offset, type, symbol, addend }) => {
    return { section, at: offset, type, symbol, addend: addend === undefined ? undefined : String(addend) };
  });
  const placed =
    image === undefined
      ? {}
      : {
          segments: image.segments,
          image: Buffer.from(image.bytes.subarray(0, image.bytes.length - sizes.bss)).toString("hex"),
        };
  return {
    file: basename(file),
    format: "ELF",
    arch: header.machine,
    made: contents.isMade,
    dynloadable: 1,
    header,
    ok: true,
    ...(image === undefined ? {} : { base: hex16(image.base) }),
    size: sizes.text + sizes.data + sizes.bss,
    ...sizes,
    nexport: exports.length,
    exports,
    nimport: imports.length,
    imports,
    nreloc: relocs.length,
    relocs,
    ...placed,
  };
}

function* textOf(loaded: Loaded): Generator<string, void, undefined> {
  const { contents, image } = loaded;
  const header = headerOf(contents);
  const { text, data, bss } = sizesOf(contents);
  const row = (what: string, value: string) => `  ${what.padEnd(22)} ${value}`;
  const bytes = (value: number) => `0x${value.toString(16).padEnd(10)} ${value} bytes`;
  yield `ELF ${contents.isMade ? "module of mkmod" : "relocatable object"} for ${header.machine}`;
  yield row("Class", `ELF${header.class}, ${header.byteOrder}-endian`);
  yield row("Flags", `0x${header.flags.toString(16)}`);
  yield row("Text", bytes(text));
  yield row("Data", bytes(data));
  yield row("Bss", bytes(bss));
  yield "";
  yield* exportText(loaded);
  yield "";
  yield* importText(loaded);
  yield "";
  yield* relocationText([...contents.relocations()]);
  if (image === undefined) return;
  for (const { name, offset, size } of image.segments) {
    const filled = name === "data" ? size - bss : size;
    if (size === 0) continue;
    const at = image.base + BigInt(offset);
    yield "";
    const zeros = filled < size ? `, followed by ${size - filled} bytes of bss` : "";
    yield `Image at 0x${at.toString(16)}: ${name}${zeros}`;
    yield* dumpLines(image.bytes.subarray(offset, offset + filled), at);
  }
}

function* exportText({ contents, image }: Loaded): Generator<string, void, undefined> {
  const rows = contents.exports.map((one) => {
    const address = image?.exports.get(one.name);
    const place = address === undefined ? `${one.section}+0x${one.offset.toString(16)}` : hex16(address);
    return { place, one };
  });
  const heading = image === undefined ? "place" : "address";
  const width = rows.reduce((most, { place }) => Math.max(most, place.length), heading.length);
  yield `Exports: ${rows.length}`;
  if (rows.length > 0) yield `  ${heading.padEnd(width)}  ${"signature".padEnd(16)}  declaration`;
  for (const { place, one } of rows) {
    yield `  ${place.padEnd(width)}  ${signature(one.sig)}  ${declared(one) ?? one.name}`;
  }
}

function* importText({ contents, image, table }: Loaded): Generator<string, void, undefined> {
  const { imports } = contents;
  yield `Imports: ${imports.length}`;
  const more = image === undefined ? "" : `${"provided".padEnd(16)}  ${"address".padEnd(16)}  `;
  if (imports.length > 0) yield `  index  ${"signature".padEnd(16)}  ${more}declaration`;
  for (const [index, one] of imports.entries()) {
    const entry = image === undefined ? undefined : dynfindsym(one.name, table);
    const provided =
      entry === undefined ? "" : `${signature(BigInt(entry.sig))}  ${hex16(BigInt(entry.addr))}  `;
    yield `  ${String(index).padStart(5)}  ${signature(one.sig)}  ${provided}${declared(one) ?? one.name}`;
  }
}

function* relocationText(relocations: readonly ContentsRelocation[]): Generator<string, void, undefined> {
  yield `Relocations: ${relocations.length}`;
  const width = relocations.reduce((most, { type }) => Math.max(most, type.length), 0);
  let before: string | undefined;
  for (const { section, offset, type, symbol, addend } of relocations) {
    if (section !== before) yield `  in ${section}`;
    before = section;
    const more = addend === undefined || addend === 0n ? "" : addendText(addend);
    yield `  ${hex8(offset)}  ${type.padEnd(width)}  ${symbol}${more}`.trimEnd();
  }
}

function addendText(addend: bigint): string {
  return addend < 0n ? ` - 0x${(-addend).toString(16)}` : ` + 0x${addend.toString(16)}`;
}

function signature(sig: bigint): string {
  return sig === 0n ? "-".repeat(16) : signatureText(sig);
}
