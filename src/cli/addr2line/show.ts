/** `bindery addr2line`: questions in, answers out, each as soon as it can be. */
import type { SymbolizedFrame } from "../../dwfl/symbolize/place.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { mapLarge } from "../mapped.ts";
import { complain } from "../message.ts";
import { Output } from "../output.ts";
import { inputLines } from "../stdin.ts";
import { type Asked, parseAsked } from "./input.ts";
import type { Addr2lineOptions } from "./options.ts";
import { type Answer, openTarget } from "./target.ts";

/** How names are shown. */
type Naming = (name: string) => string;

/** @returns the exit status */
export async function showAddresses(
  addresses: readonly string[],
  options: Addr2lineOptions,
): Promise<number> {
  const cutFiles = await mapLarge(options.exe);
  using target = openTarget(options);
  if (options.debuginfod === true) await target.fetch();
  const naming: Naming =
    options.demangle === true ? (await import("../../elf/demangle/index.ts")).demangle : same;
  const out = new Output();
  const told = new Set<string>();
  let status = EXIT_OK;
  let count = 0;
  const tell = (note: string): void => {
    status = EXIT_FAILURE;
    // A table that can't be read is one fault, however many addresses it is wanted for.
    if (told.has(note)) return;
    told.add(note);
    out.flush();
    complain(note);
  };
  const show = (text: string): void => {
    const asked = parseAsked(text);
    const answer = target.answer(asked);
    if (options.json === true) {
      out.write(
        `${count === 0 ? "[\n  " : ",\n  "}${JSON.stringify(asJson(asked, answer, options, naming))}`,
      );
    } else showText(out, asked, answer, options, naming, target.digits);
    count++;
    if (asked.kind === "senseless") tell(`found ${JSON.stringify(asked.text)}, expected an address`);
    for (const note of answer.notes) tell(note);
  };
  for (const lines of addresses.length > 0 ? [addresses] : inputLines()) {
    for (const line of lines) show(line);
    out.flush();
  }
  if (options.json === true) out.line(count === 0 ? "[]" : "\n]");
  out.flush();
  for (const cut of cutFiles()) tell(cut);
  return status;
}

function same(name: string): string {
  return name;
}

/** The text is that of GNU addr2line, so that scripts can read it. */
function showText(
  out: Output,
  asked: Asked,
  answer: Answer,
  options: Addr2lineOptions,
  naming: Naming,
  digits: number,
): void {
  const pretty = options.prettyPrint === true;
  if (options.addresses === true) {
    const value = asked.kind === "number" ? asked.value : (answer.address ?? 0n);
    out.write(`0x${value.toString(16).padStart(digits, "0")}${pretty ? ": " : "\n"}`);
  }
  const { frames } = answer;
  if (frames.length === 0) {
    if (options.functions === true) out.write(pretty ? "?? " : "??\n");
    out.line("??:0");
    return;
  }
  const shown = options.inlines === true ? frames : frames.slice(0, 1);
  shown.forEach((frame, depth) => {
    if (pretty && depth > 0) out.write(" (inlined by) ");
    if (options.functions === true) {
      out.write(`${frame.function === undefined ? "??" : naming(frame.function)}${pretty ? " at " : "\n"}`);
    }
    out.line(lineText(frame, options));
  });
}

function lineText({ file, line, discriminator }: SymbolizedFrame, options: Addr2lineOptions): string {
  const path = file === undefined ? "??" : shownPath(file, options);
  if (line === 0) return `${path}:?`;
  return `${path}:${line}${discriminator === 0 ? "" : ` (discriminator ${discriminator})`}`;
}

function shownPath(file: string, { basenames }: Addr2lineOptions): string {
  return basenames === true ? file.slice(file.lastIndexOf("/") + 1) : file;
}

function asJson(asked: Asked, answer: Answer, options: Addr2lineOptions, naming: Naming): unknown {
  const { address, section, module, symbol, notes } = answer;
  const frames = answer.frames.map(({ function: name, file, line, column, discriminator, inlined }) => ({
    function: name === undefined ? null : naming(name),
    file: file === undefined ? null : shownPath(file, options),
    line,
    column,
    discriminator,
    inlined,
  }));
  return {
    input: asked.text,
    address: address === undefined ? null : `0x${address.toString(16)}`,
    ...(section === undefined ? {} : { section }),
    ...(module === undefined ? {} : { module }),
    ...(symbol === undefined
      ? {}
      : { symbol: { name: naming(symbol.name), offset: Number(symbol.offset), size: Number(symbol.size) } }),
    frames,
    ...(notes.length === 0 ? {} : { notes }),
  };
}
