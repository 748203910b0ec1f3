/** What GNU readelf says of a file, as data: an oracle for the reader. Numbers are numbers, names as it prints them. */
import { execFileSync } from "node:child_process";

/** Rows by kind; each row has the fields that {@link describe} in `elf-model.ts` gives. */
export interface Description {
  header: Record<string, string>;
  sections: unknown[];
  segments: unknown[];
  /** By name of the table. */
  symbols: Record<string, unknown[]>;
  /** By name of the section. */
  relocations: Record<string, unknown[]>;
  dynamic: unknown[];
  notes: object[];
  versionEntries: string[];
  definitions: unknown[];
  needs: unknown[];
  groups: unknown[];
  /** Numbers of buckets by chain length. */
  histograms: { sysv?: number[]; gnu?: number[] };
}

/** Runs a tool in the C locale. */
export function tool(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

const hex = (text: string | undefined): bigint => BigInt(`0x${text ?? "0"}`);

/** Asks readelf for everything that the reader reads. */
export function readelf(path: string): Description {
  const output = tool("readelf", "-W", "-h", "-S", "-l", "-s", "-r", "-d", "-n", "-V", "-I", "-g", path);
  const told: Description = {
    header: {},
    sections: [],
    segments: [],
    symbols: {},
    relocations: {},
    dynamic: [],
    notes: [],
    versionEntries: [],
    definitions: [],
    needs: [],
    groups: [],
    histograms: {},
  };
  let part = "";
  let name = "";
  let histogram: number[] = [];
  let parents: string[] = [];
  let versions: unknown[] = [];
  let members: number[] = [];
  let mips: { type: string } | undefined;
  for (const line of output.split("\n")) {
    const start =
      /^(ELF Header|Section Headers|Program Headers|There are|Key to|Elf file type|Section to|Dynamic section|Symbol table|Relocation section|Displaying notes|Version symbols|Version definition|Version needs|Histogram|COMDAT group|group section| Section to)/.exec(
        line,
      );
    if (start !== null) part = start[1] ?? "";
    const field = /^\s+([A-Z][^:]*):\s+(.*?)\s*$/.exec(line);
    switch (part) {
      case "ELF Header":
        if (field !== null) told.header[field[1] ?? ""] = field[2] ?? "";
        break;
      case "Section Headers": {
        const row =
          /^ {2}\[ *(\d+)\] (.*?) +(\S+) +([0-9a-f]{8,16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Za-z]*) +(\d+) +(\d+) +(\d+)$/.exec(
            line,
          );
        if (row !== null) {
          const [, index, own, type, addr, offset, size, entsize, flags, link, info, align] = row;
          told.sections.push([
            Number(index),
            own,
            type,
            hex(addr),
            Number(hex(offset)),
            Number(hex(size)),
            Number(hex(entsize)),
            flags,
            Number(link),
            Number(info),
            Number(align),
          ]);
        }
        break;
      }
      case "Program Headers": {
        const row =
          /^ {2}(\S+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) (.)(.)(.) (?:0x)?([0-9a-f]+)$/.exec(
            line,
          );
        if (row !== null) {
          const [, type, offset, vaddr, paddr, filesz, memsz, r, w, x, align] = row;
          const numbers = [offset, vaddr, paddr, filesz, memsz].map(hex);
          told.segments.push([type, ...numbers, `${r}${w}${x}`, hex(align)]);
        }
        break;
      }
      case "Symbol table": {
        const title = /^Symbol table '(.*)' contains/.exec(line);
        if (title !== null) {
          name = title[1] ?? "";
          told.symbols[name] = [];
        }
        const row =
          /^ *(\d+): ([0-9a-f]{8,16}) +(\S+) (\S+) +(\S+) +(\S+) +(?:\[.*?\] +)?(\S+(?: ?\[0x[0-9a-f]+\])?) ?(.*)$/.exec(
            line.replace("<OS specific>: 10", "UNIQUE"),
          );
        if (row !== null) {
          const [, index, value, size, type, binding, visibility, section, own] = row;
          const text = (own ?? "").replace(/ \(\d+\)$/, "");
          told.symbols[name]?.push(
            [index, hex(value), BigInt(size ?? 0), type, binding, visibility, section, text].join(" "),
          );
        }
        break;
      }
      case "Relocation section": {
        const title = /^Relocation section '(.*)' at/.exec(line);
        if (title !== null) {
          name = title[1] ?? "";
          told.relocations[name] = [];
        }
        const more = /^ +Type[23]: (\S+)/.exec(line);
        if (more !== null && mips !== undefined && more[1] !== "R_MIPS_NONE") mips.type += `/${more[1]}`;
        const relr = /^([0-9a-f]{8,16})$/.exec(line);
        if (relr !== null) told.relocations[name]?.push({ offset: hex(relr[1]) });
        const row = /^([0-9a-f]{8,16}) +([0-9a-f]{8,16}) (\S+)(.*)$/.exec(line);
        if (row !== null) {
          const [, offset, info, type = "", rest = ""] = row;
          const addend = /(-?) ?([0-9a-f]+)$/.exec(rest);
          const value = addend === null ? undefined : hex(addend[2]) * (addend[1] === "-" ? -1n : 1n);
          mips = { type };
          told.relocations[name]?.push(
            Object.assign(mips, { offset: hex(offset), info: hex(info), addend: value }),
          );
        }
        break;
      }
      case "Dynamic section": {
        const row = /^ 0x([0-9a-f]+) \((.*?)\) +(.*)$/.exec(line);
        if (row !== null) {
          const [, tag, type, value = ""] = row;
          const text = /\[(.*)\]$/.exec(value);
          const number = /^(0x[0-9a-f]+|\d+)(?: \(bytes\))?$/.exec(value);
          told.dynamic.push({
            tag: Number(hex(tag)),
            type,
            ...(text === null ? {} : { text: text[1] }),
            ...(number === null ? {} : { number: BigInt(number[1] ?? 0) }),
          });
        }
        break;
      }
      case "Displaying notes": {
        const row = /^ {2}(\S.*?) +0x([0-9a-f]{8})\t(\S+)(.*)$/.exec(line);
        const id = /Build ID: ([0-9a-f]+)/.exec(line);
        const abi = /OS: (\S+), ABI: (\S+)/.exec(line);
        const probe = /Provider: (\S+)/.exec(line);
        if (row !== null) {
          told.notes.push({
            owner: row[1],
            size: Number(hex(row[2])),
            type: row[3],
            ...(id === null ? {} : { id: id[1] }),
            ...(abi === null ? {} : { os: abi[1], version: abi[2] }),
            ...(probe === null ? {} : { provider: probe[1] }),
          });
        }
        const last = told.notes.at(-1);
        const more = /^ {4}(Name|Arguments): ?(.*)$/.exec(line);
        if (more !== null && last !== undefined) Object.assign(last, { [more[1] ?? ""]: more[2] });
        const where = /^ {4}Location: 0x([0-9a-f]+), Base: 0x([0-9a-f]+), Semaphore: 0x([0-9a-f]+)$/.exec(
          line,
        );
        if (where !== null && last !== undefined) {
          Object.assign(last, { pc: hex(where[1]), base: hex(where[2]), semaphore: hex(where[3]) });
        }
        break;
      }
      case "Version symbols": {
        const row = /^ {2}[0-9a-f]{3,}:(.*)$/.exec(line);
        if (row !== null) {
          for (const entry of (row[1] ?? "").matchAll(/ *([0-9a-f]+)(h| )\((.*?)\)/g)) {
            told.versionEntries.push(
              `${Number.parseInt(entry[1] ?? "", 16)}${(entry[2] ?? "").trim()} ${entry[3]}`,
            );
          }
        }
        break;
      }
      case "Version definition": {
        const row = /Rev: (\d+) +Flags: (.*?) +Index: (\d+) +Cnt: (\d+) +Name: (.*)$/.exec(line);
        if (row !== null) {
          parents = [row[5] ?? ""];
          told.definitions.push([Number(row[1]), row[2], Number(row[3]), parents]);
        }
        const parent = /Parent \d+: (.*)$/.exec(line);
        if (parent !== null) parents.push(parent[1] ?? "");
        break;
      }
      case "Version needs": {
        const file = /Version: (\d+) +File: (.*?) +Cnt: (\d+)$/.exec(line);
        if (file !== null) {
          versions = [];
          told.needs.push([Number(file[1]), file[2], versions]);
        }
        const row = /Name: (.*?) +Flags: (.*?) +Version: (\d+)$/.exec(line);
        if (row !== null) versions.push([row[1], row[2], Number(row[3])]);
        break;
      }
      case "Histogram": {
        if (line.startsWith("Histogram")) {
          histogram = [];
          if (line.includes(".gnu.hash")) told.histograms.gnu = histogram;
          else told.histograms.sysv = histogram;
        }
        const row = /^ +(\d+) +(\d+) +\(/.exec(line);
        if (row !== null) histogram[Number(row[1])] = Number(row[2]);
        break;
      }
      case "COMDAT group":
      case "group section": {
        const title = /^(COMDAT )?group section \[ *(\d+)\] `(.*?)' \[(.*)\] contains/.exec(line);
        if (title !== null) {
          members = [];
          told.groups.push([title[1] !== undefined, Number(title[2]), title[4], members]);
        }
        const row = /^ {3}\[ *(\d+)\]/.exec(line);
        if (row !== null) members.push(Number(row[1]));
        break;
      }
    }
  }
  return told;
}
