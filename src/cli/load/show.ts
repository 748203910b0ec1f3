/** `bindery load`: loads, shows, unloads. */
import { once } from "node:events";
import { ArgumentError } from "../../dynld/call/argument-error.ts";
import { symbolDeclaration } from "../../dynld/ctype/declaration.ts";
import type { CSymbol } from "../../dynld/ctype.ts";
import { ExportTable } from "../../dynld/export-table.ts";
import { NativeModule } from "../../dynld/module.ts";
import { signatureText } from "../../dynld/signature/signature.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { Output } from "../output.ts";
import { callByName } from "./call.ts";
import type { CallText } from "./literal.ts";
import type { LoadOptions } from "./options.ts";
import { valueJson, valueText } from "./value.ts";

/**
 * Loads files as one module and prints what it has, or what calls of it return.
 * @returns the exit status
 * @throws DynldError when it is refused
 */
export async function showLoaded(paths: readonly string[], options: LoadOptions): Promise<number> {
  // Libraries stay open: threads that one has, as that of OpenMP, run until the process ends.
  const table = new ExportTable();
  for (const library of options.with ?? []) table.addLibrary(library);
  using module = NativeModule.open(paths, {
    table,
    maxsize: options.maxsize ?? 0,
    run: options.run,
    policy: options.strict === true ? "strict" : "lenient",
    completions: options.completions === true,
    ...(options.directory === undefined ? {} : { backing: { directory: options.directory } }),
    ...(options.perf === undefined ? {} : { perf: [options.perf] }),
  });
  const out = new Output();
  try {
    if (options.json === true) showJson(out, module, options.call);
    else if (options.call !== undefined) showCalls(out, module, options.call);
    else showText(out, module);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    complain(error.message);
    return EXIT_FAILURE;
  }
  out.flush();
  if (options.wait !== true) return EXIT_OK;
  complain(`process ${process.pid} has it until standard input ends`);
  process.stdin.resume();
  await once(process.stdin, "end");
  return EXIT_OK;
}

/** Calls one after another, with each result printed before the next call. */
function showCalls(out: Output, module: NativeModule, calls: readonly CallText[]): void {
  for (const call of calls) {
    const { value, type } = callByName(module, call);
    out.line(value === undefined ? call.text : `${call.text} = ${valueText(value, type)}`);
    out.flush();
  }
}

function showText(out: Output, module: NativeModule): void {
  const { name, base, text, data, bss } = module;
  out.line(`${name}: at 0x${base.toString(16)}, text ${text}, data ${data}, bss ${bss}`);
  if (module.nimport > 0) out.line(`imports: ${module.import?.map((symbol) => symbol.name).join(" ")}`);
  for (const { name: symbol, sig, addr } of module.export) {
    const type = module.typeOf(symbol);
    const declared = type === undefined ? symbol : declare(type);
    out.line(`${addr.toString(16).padStart(16, "0")} ${signature(sig)} ${declared}`);
  }
}

function showJson(out: Output, module: NativeModule, asked: readonly CallText[] | undefined): void {
  const { name, base, text, data, bss } = module;
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  const exports = module.export.map(({ name: symbol, sig, addr }) => {
    const type = module.typeOf(symbol);
    const declaration = type === undefined ? undefined : declare(type);
    return { name: symbol, addr: hex(addr), sig: sig === 0n ? undefined : signatureText(sig), declaration };
  });
  const imports =
    module.import?.map(({ name: symbol, addr }) => ({ name: symbol, addr: hex(BigInt(addr)) })) ?? [];
  const calls = asked?.map((call) => ({
    call: call.text,
    result: valueJson(callByName(module, call).value),
  }));
  for (const piece of jsonPieces({ name, base: hex(base), text, data, bss, imports, exports, calls }))
    out.write(piece);
  out.line("");
}

function signature(sig: bigint): string {
  return sig === 0n ? "-".repeat(16) : signatureText(sig);
}

function declare(type: CSymbol): string {
  return symbolDeclaration(type);
}
