/** Symbol versions as text and JSON. */
import {
  type ElfFile,
  type ElfSection,
  SHT,
  VERSYM_HIDDEN,
  VERSYM_VERSION,
  type VersionTable,
  versionFlagNames,
} from "../../elf/index.ts";
import { address, bare, hex, type Lines, plural, type View } from "./view.ts";

const VER_NDX_LOCAL = 0;
const VER_NDX_GLOBAL = 1;

export function* versionsText({ elf }: View): Lines {
  const versions = elf.versions();
  if (versions.length === 0 && versions.definitions.length === 0 && versions.needs.length === 0) {
    yield "";
    yield "No version information found in this file.";
    return;
  }
  if (versions.length > 0) {
    yield* title(elf, "Version symbols", SHT.SHT_GNU_versym, versions.length);
    yield* symbolVersions(versions);
  }
  if (versions.definitions.length > 0) {
    yield* title(elf, "Version definition", SHT.SHT_GNU_verdef, versions.definitions.length);
    yield* definitions(versions);
  }
  if (versions.needs.length > 0) {
    yield* title(elf, "Version needs", SHT.SHT_GNU_verneed, versions.needs.length);
    yield* needs(versions);
  }
}

function* title(elf: ElfFile, what: string, type: number, count: number): Lines {
  const section: ElfSection | undefined = elf.sections.find((one) => one.type === type);
  yield "";
  if (section === undefined) {
    yield `${what} table contains ${plural(count, "entry", "entries")}:`;
    return;
  }
  yield `${what} section '${section.name}' contains ${plural(count, "entry", "entries")}:`;
  const link = elf.sections[section.link]?.name ?? "";
  yield ` Addr: 0x${address(elf, section.addr)}  Offset: 0x${hex(section.offset, 8)}  Link: ${section.link} (${link})`;
}

function* symbolVersions(versions: VersionTable): Lines {
  for (let row = 0; row < versions.length; row += 4) {
    let line = `  ${hex(row, 3)}:`;
    for (let symbol = row; symbol < Math.min(row + 4, versions.length); symbol++) {
      line += versionCell(versions, symbol);
    }
    yield line.trimEnd();
  }
}

function versionCell(versions: VersionTable, symbol: number): string {
  const entry = versions.entry(symbol) ?? 0;
  const index = entry & VERSYM_VERSION;
  if (index === VER_NDX_LOCAL) {
    return "   0 (*local*)    ";
  }
  if (index === VER_NDX_GLOBAL && (entry & VERSYM_HIDDEN) === 0) {
    return "   1 (*global*)   ";
  }
  const name = `(${versions.named(index)?.name ?? "*invalid*"})`;
  return `${hex(index).padStart(4)}${(entry & VERSYM_HIDDEN) === 0 ? " " : "h"}${name.padEnd(13)}`;
}

function* definitions(versions: VersionTable): Lines {
  for (const { offset, revision, flags, index, names } of versions.definitions) {
    const at = offset === 0 ? "000000" : `0x${hex(offset, 4)}`;
    const shown = flagText(flags);
    yield `  ${at}: Rev: ${revision}  Flags: ${shown}  Index: ${index}  Cnt: ${names.length}  Name: ${names[0] ?? ""}`;
    for (const [n, parent] of names.slice(1).entries()) {
      yield `          Parent ${n + 1}: ${parent}`;
    }
  }
}

function* needs(versions: VersionTable): Lines {
  for (const { offset, revision, file, versions: needed } of versions.needs) {
    const at = offset === 0 ? "000000" : `0x${hex(offset, 4)}`;
    yield `  ${at}: Version: ${revision}  File: ${file}  Cnt: ${needed.length}`;
    for (const version of needed) {
      yield `            Name: ${version.name}  Flags: ${flagText(version.flags)}  Version: ${version.index}`;
    }
  }
}

function flagText(flags: number): string {
  const names = versionFlagNames(flags).map((name) => bare(name, "VER_FLG_"));
  return names.length === 0 ? "none" : names.join(" | ");
}

export function versionsJson({ elf }: View): unknown {
  const versions = elf.versions();
  return {
    symbols: Array.from({ length: versions.length }, (_, symbol) => versions.entry(symbol)),
    definitions: versions.definitions.map(({ index, flags, hash, names }) => ({ index, flags, hash, names })),
    needs: versions.needs.map(({ file, versions: needed }) => ({ file, versions: needed })),
  };
}
