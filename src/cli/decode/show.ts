/** `bindery decode`: a backtrace in, the same with source lines out. */
import { existsSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { findVmlinux } from "../../dwfl/kernel/files.ts";
import { Dwfl } from "../../dwfl/session.ts";
import { type DecodedReference, TraceDecoder } from "../../dwfl/symbolize/decode.ts";
import type { SymbolizedFrame } from "../../dwfl/symbolize/place.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { mapLarge } from "../mapped.ts";
import { complain } from "../message.ts";
import { Output } from "../output.ts";
import { inputLines } from "../stdin.ts";
import type { DecodeCommandOptions } from "./options.ts";

/** How names are shown. */
type Naming = (name: string) => string;

/** What lines that are put in begin with. */
const INDENT = "        ";

/** @returns the exit status */
export async function showDecoded(options: DecodeCommandOptions): Promise<number> {
  using dwfl = new Dwfl();
  const cutFiles = await mapLarge(reportKernel(dwfl, options));
  const decoder = new TraceDecoder(dwfl, options);
  const naming: Naming =
    options.demangle === true ? (await import("../../elf/demangle/index.ts")).demangle : (name) => name;
  const out = new Output();
  const told = new Set<string>();
  let status = EXIT_OK;
  let count = 0;
  for (const lines of inputLines()) {
    for (const line of lines) {
      const decoded = decoder.decode(line);
      if (decoded.some(({ notes }) => notes.length > 0)) status = EXIT_FAILURE;
      if (options.json === true) {
        const references = decoded.map((one) => asJson(one, options, naming));
        out.write(`${count++ === 0 ? "[\n  " : ",\n  "}${JSON.stringify({ line, references })}`);
        continue;
      }
      out.line(line);
      for (const { frames, notes } of decoded) {
        frames.forEach((frame, depth) => {
          // A symbol alone says no more than the line does.
          if (frame.file !== undefined) out.line(`${INDENT}${frameText(frame, depth, options, naming)}`);
        });
        for (const note of notes) {
          if (!told.has(note)) out.line(`${INDENT}(${note})`);
          told.add(note);
        }
      }
    }
    out.flush();
  }
  if (options.json === true) out.line(count === 0 ? "[]" : "\n]");
  out.flush();
  for (const cut of cutFiles()) {
    status = EXIT_FAILURE;
    complain(cut);
  }
  return status;
}

/** The kernel that is named; else, where nothing is, that of the release in the usual places. @returns its vmlinux */
function reportKernel(dwfl: Dwfl, options: DecodeCommandOptions): string | undefined {
  const { sysroot = "/", release: version = release() } = options;
  const isNamed = options.vmlinux !== undefined || options.modules !== undefined;
  const usual = join(sysroot, "lib/modules", version);
  const vmlinux = options.vmlinux ?? (isNamed ? undefined : findVmlinux(sysroot, version));
  const modules = options.modules ?? (!isNamed && existsSync(usual) ? usual : undefined);
  dwfl.reportDeadKernel({
    ...(vmlinux === undefined ? {} : { vmlinux }),
    ...(modules === undefined ? {} : { modules }),
  });
  return vmlinux;
}

function frameText(
  frame: SymbolizedFrame,
  depth: number,
  options: DecodeCommandOptions,
  naming: Naming,
): string {
  const { function: name, file = "??", line, column } = frame;
  const place = `${shownPath(file, options)}:${line === 0 ? "?" : line}${column === 0 ? "" : `:${column}`}`;
  return `${depth === 0 ? "" : "(inlined by) "}${name === undefined ? "??" : naming(name)} at ${place}`;
}

function shownPath(file: string, { basenames, stripPath = "" }: DecodeCommandOptions): string {
  if (basenames === true) return file.slice(file.lastIndexOf("/") + 1);
  const prefix = stripPath === "" || stripPath.endsWith("/") ? stripPath : `${stripPath}/`;
  return file.startsWith(prefix) ? file.slice(prefix.length) : file;
}

function asJson(
  { reference, frames, notes }: DecodedReference,
  options: DecodeCommandOptions,
  naming: Naming,
): unknown {
  return {
    text: reference.text,
    isReturn: reference.isReturn,
    frames: frames.map(({ function: name, file, line, column, discriminator, inlined }) => ({
      function: name === undefined ? null : naming(name),
      file: file === undefined ? null : shownPath(file, options),
      line,
      column,
      discriminator,
      inlined,
    })),
    ...(notes.length === 0 ? {} : { notes }),
  };
}
