/** Notes as text and JSON. */
import type { ElfNote, NoteContent } from "../../elf/index.ts";
import { bare, hex, jsonConstant, jsonHex, type Lines, type View } from "./view.ts";

const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ["NT_GNU_BUILD_ID", "unique build ID bitstring"],
  ["NT_GNU_ABI_TAG", "ABI version tag"],
  ["NT_GNU_GOLD_VERSION", "gold version"],
  ["NT_STAPSDT", "SystemTap probe descriptors"],
  ["NT_PRSTATUS", "prstatus structure"],
  ["NT_PRPSINFO", "prpsinfo structure"],
  ["NT_FPREGSET", "floating point registers"],
  ["NT_AUXV", "auxiliary vector"],
  ["NT_SIGINFO", "siginfo_t data"],
  ["NT_FILE", "mapped files"],
  ["NT_X86_XSTATE", "x86 XSAVE extended state"],
]);

export function* notesText({ elf }: View): Lines {
  let part: string | undefined;
  const notes = elf.notes();
  if (notes.length === 0) {
    yield "";
    yield "There are no notes in this file.";
  }
  for (const note of notes) {
    if (note.part !== part) {
      part = note.part;
      yield "";
      yield `Displaying notes found in: ${part}`;
      yield "  Owner                Data size \tDescription";
    }
    yield* noteText(note);
  }
}

function* noteText(note: ElfNote): Lines {
  const { typeName } = note;
  const explanation = EXPLANATIONS.get(typeName);
  const title = explanation === undefined ? typeName : `${typeName} (${explanation})`;
  const head = `  ${note.owner.padEnd(20)} 0x${hex(note.desc.length, 8)}\t${title}`;
  const [first, ...rest] = contentText(note, note.content);
  yield first === undefined ? head : `${head}\t    ${first}`;
  for (const line of rest) {
    yield `    ${line}`;
  }
}

function contentText(note: ElfNote, content: NoteContent): string[] {
  switch (content.kind) {
    case "build-id":
      return [`Build ID: ${content.id}`];
    case "abi-tag":
      return [`OS: ${content.osName}, ABI: ${content.version}`];
    case "gold-version":
      return [`Version: ${content.text}`];
    case "metadata":
      return [`Packaging Metadata: ${content.json}`];
    case "gnu-property": {
      const shown = content.properties.map(({ name, value, data }) => {
        const bytes = value === undefined ? Buffer.from(data).toString("hex") : `0x${hex(value)}`;
        return `${bare(name, "GNU_PROPERTY_")}: ${bytes}`;
      });
      return [`Properties: ${shown.join(", ")}`];
    }
    case "stapsdt":
      return [
        `Provider: ${content.provider}`,
        `Name: ${content.name}`,
        `Location: 0x${hex(content.pc, 16)}, Base: 0x${hex(content.base, 16)}, Semaphore: 0x${hex(content.semaphore, 16)}`,
        `Arguments: ${content.args}`,
      ];
    case "prstatus":
      return [
        `Thread ${content.pid}, signal ${content.signal}, ${content.registers.length} bytes of registers`,
      ];
    case "prpsinfo":
      return [
        `Process ${content.pid} (${content.fname}), state ${content.state}, command: ${content.psargs}`,
      ];
    case "siginfo":
      return [`Signal ${content.signo}, code ${content.code}, address 0x${hex(content.address)}`];
    case "auxv":
      return [
        "",
        ...content.entries.map(({ name, value }) => `${bare(name, "AT_").padEnd(16)} 0x${hex(value)}`),
      ];
    case "file-mappings":
      return [
        `Page size: ${content.pageSize}`,
        ...content.mappings.map(
          ({ start, end, fileOffset, path }) =>
            `0x${hex(start, 16)}-0x${hex(end, 16)} at 0x${hex(fileOffset)} ${path}`,
        ),
      ];
    case "unknown":
      return note.desc.length === 0 ? [] : [`Data: ${Buffer.from(note.desc).toString("hex")}`];
  }
}

export function notesJson({ elf }: View): unknown {
  return elf.notes().map((note) => ({
    in: note.part,
    owner: note.owner,
    type: jsonConstant(note.type, note.typeName),
    size: note.desc.length,
    content: exact(note.content),
  }));
}

/** Contents with 64-bit values as hexadecimal text and bytes as a string of hexadecimal digits. */
function exact(value: unknown): unknown {
  if (typeof value === "bigint") {
    return jsonHex(value);
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString("hex");
  }
  if (Array.isArray(value)) {
    return value.map(exact);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, exact(inner)]));
  }
  return value;
}
