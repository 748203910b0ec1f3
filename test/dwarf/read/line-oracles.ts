/** What other readers say of a file's line programs, as data. */
import { execFileSync } from "node:child_process";

export interface LlvmFile {
  path: string;
  directory: number;
  timestamp: number | undefined;
  size: number | undefined;
  md5: string | undefined;
  source: string | undefined;
}

export interface LlvmProgram {
  offset: number;
  fields: Record<string, number | string>;
  lengths: number[];
  directories: Record<number, string>;
  files: Record<number, LlvmFile>;
  /** `address line column file isa discriminator flags` */
  rows: string[];
}

export function run(tool: string, args: readonly string[], input = ""): string {
  return execFileSync(tool, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    input,
    stdio: ["pipe", "pipe", "ignore"],
  });
}

/** `llvm-dwarfdump --debug-line`. */
export function llvmPrograms(path: string): LlvmProgram[] {
  const programs: LlvmProgram[] = [];
  let file: LlvmFile | undefined;
  for (const line of run("llvm-dwarfdump", ["--debug-line", path]).split("\n")) {
    const start = /^debug_line\[0x([0-9a-f]+)\]/.exec(line);
    if (start !== null) {
      const offset = Number.parseInt(start[1] ?? "", 16);
      programs.push({ offset, fields: {}, lengths: [], directories: {}, files: {}, rows: [] });
    }
    const program = programs.at(-1);
    if (program === undefined) continue;
    const row = /^0x([0-9a-f]{16})\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*(.*?)\s*$/.exec(line);
    const field = /^\s*([a-z_0-9]+): (\S+)$/.exec(line);
    const length = /^standard_opcode_lengths\[\S+\] = (\d+)$/.exec(line);
    const directory = /^include_directories\[ *(\d+)\] = "(.*)"$/.exec(line);
    const name = /^file_names\[ *(\d+)\]:$/.exec(line);
    if (row !== null) {
      program.rows.push([Number.parseInt(row[1] ?? "", 16), ...row.slice(2, 8)].join(" ").trimEnd());
    } else if (length !== null) program.lengths.push(Number(length[1]));
    else if (directory !== null) program.directories[Number(directory[1])] = directory[2] ?? "";
    else if (name !== null) {
      file = {
        path: "",
        directory: 0,
        timestamp: undefined,
        size: undefined,
        md5: undefined,
        source: undefined,
      };
      program.files[Number(name[1])] = file;
    } else if (file !== undefined && /^\s+name: /.test(line)) file.path = /"(.*)"/.exec(line)?.[1] ?? "";
    else if (file !== undefined && /^\s+source: /.test(line)) {
      file.source = JSON.parse(/".*"/.exec(line)?.[0] ?? "");
    } else if (field !== null) {
      const [, key = "", text = ""] = field;
      const value = key === "md5_checksum" || key === "format" ? text : Number(text);
      if (file === undefined) program.fields[key] = value;
      else if (key === "dir_index") file.directory = Number(text);
      else if (key === "mod_time") file.timestamp = Number(text);
      else if (key === "length") file.size = Number(text);
      else if (key === "md5_checksum") file.md5 = text;
    }
    if (line === "") file = undefined;
  }
  return programs;
}

/** `readelf -wL`: `address op line stmt`, with `-` for the line of a sequence's end. */
export function readelfRows(path: string): string[] {
  return run("readelf", ["-wL", "-W", path])
    .split("\n")
    .flatMap((line) => {
      const row = /\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\[(\d+)\])?(?:\s+\d+)?(\s+x)?(?:\s+END)?\s*$/.exec(line);
      if (row === null) return [];
      const [, number = "", address = "", op, stmt] = row;
      return [`${Number(address)} ${op ?? 0} ${number}${stmt === undefined ? "" : " x"}`];
    });
}

export interface EuRow {
  /** Absolute. */
  path: string;
  line: number;
  column: number;
  /** Letters of statement, block, prologue and epilogue. */
  flags: string;
  end: boolean;
  discriminator: number;
  isa: number;
  opIndex: number;
  /** Empty in a linked file. */
  section: string;
  /** From the section's start, of a sequence's end that of its last byte. */
  offset: number;
}

/** `eu-readelf -N --debug-dump=decodedline`. */
export function euRows(path: string): EuRow[] {
  const rows: EuRow[] = [];
  let file = "";
  for (const line of run("eu-readelf", ["-N", "--debug-dump=decodedline", path]).split("\n")) {
    const name = /^ {2}(\S.*) \(mtime: \d+, length: \d+\)$/.exec(line);
    if (name !== null) file = name[1] ?? "";
    const row =
      /^\s+(\d+):(\d+)\s+([SBPE* ]*?)\s+(\d+)\s+(\d+)\s+(\d+) (?:(\S+)\+)?(?:0x)?([0-9a-f]+)\s*$/.exec(line);
    if (row === null) continue;
    const [, number, column, flags = "", discriminator, isa, op, section = "", offset = ""] = row;
    rows.push({
      path: file,
      line: Number(number),
      column: Number(column),
      flags: flags.replaceAll(/[ *]/g, ""),
      end: flags.includes("*"),
      discriminator: Number(discriminator),
      isa: Number(isa),
      opIndex: Number(op),
      section,
      offset: Number.parseInt(offset, 16),
    });
  }
  return rows;
}
