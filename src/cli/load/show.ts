/** `bindery load`: loads, shows, unloads. */
import { once } from "node:events";
import { symbolDeclaration } from "../../dynld/ctype/declaration.ts";
import type { CSymbol } from "../../dynld/ctype.ts";
import { ExportTable } from "../../dynld/export-table.ts";
import { NativeModule } from "../../dynld/module.ts";
import { signatureText } from "../../dynld/signature/signature.ts";
import { jsonPieces } from "../json.ts";
import { Output } from "../output.ts";
import type { LoadOptions } from "./options.ts";

/** Loads files as one module and prints what it has. @throws DynldError when it is refused */
export async function showLoaded(paths: readonly string[], options: LoadOptions): Promise<void> {
  using table = new ExportTable();
  for (const library of options.with ?? []) table.addLibrary(library);
  using module = NativeModule.open(paths, {
    table,
    maxsize: options.maxsize ?? 0,
    run: options.run,
    policy: options.strict === true ? "strict" : "lenient",
  });
  const out = new Output();
  if (options.json === true) showJson(out, module);
  else showText(out, module);
  out.flush();
  if (options.wait !== true) return;
  process.stderr.write(`bindery: process ${process.pid} has it until standard input ends\n`);
  process.stdin.resume();
  await once(process.stdin, "end");
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

function showJson(out: Output, module: NativeModule): void {
  const { name, base, text, data, bss } = module;
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  const exports = module.export.map(({ name: symbol, sig, addr }) => {
    const type = module.typeOf(symbol);
    const declaration = type === undefined ? undefined : declare(type);
    return { name: symbol, addr: hex(addr), sig: sig === 0n ? undefined : signatureText(sig), declaration };
  });
  const imports =
    module.import?.map(({ name: symbol, addr }) => ({ name: symbol, addr: hex(BigInt(addr)) })) ?? [];
  for (const piece of jsonPieces({ name, base: hex(base), text, data, bss, imports, exports }))
    out.write(piece);
  out.line("");
}

function signature(sig: bigint): string {
  return sig === 0n ? "-".repeat(16) : signatureText(sig);
}

function declare(type: CSymbol): string {
  return symbolDeclaration(type);
}
