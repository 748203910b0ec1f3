/** A whole kernel in one session: 1,100 modules laid out, their undefined symbols found, addresses named. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { findDefinition } from "../../src/dwfl/module/undefined-symbol.ts";
import { Dwfl } from "../../src/dwfl/session.ts";
import { SHN } from "../../src/elf/constants/section.ts";
import { euSymbols } from "../dwfl/eu-modules.ts";
import { Random } from "../support/elf-random.ts";

const files: { modules: string[]; vmlinux: string } = JSON.parse(
  readFileSync(process.env.BINDERY_FILES ?? "", "utf8"),
);
const [first = ""] = files.modules;
const directory = first.slice(0, first.lastIndexOf("/kernel/"));

test("every module has addresses of its own", () => {
  using session = new Dwfl();
  session.reportDeadKernel({ vmlinux: files.vmlinux, modules: directory });
  expect(session.modules.length).toBe(files.modules.length + 1);
  for (const module of session.modules) expect(module.span.end).toBeGreaterThan(module.span.start);
  const { modules } = session;
  const overlaps = modules.filter((one, i) => i > 0 && one.start < (modules[i - 1]?.end ?? 0n));
  expect(overlaps.map((one) => one.name)).toEqual([]);
});

test("every undefined symbol is in the kernel, or in a module that one says it depends on", () => {
  using session = new Dwfl();
  session.reportDeadKernel({ vmlinux: files.vmlinux, modules: directory });
  const { modules } = session;
  const missing: string[] = [];
  let found = 0;
  for (const module of modules) {
    const table = module.isKernelModule ? module.elf.symtab() : undefined;
    for (let i = 1; i < (table?.length ?? 0); i++) {
      if (table === undefined || table.storedSectionIndex(i) !== SHN.SHN_UNDEF) continue;
      if (findDefinition(module, table.name(i), modules) === undefined)
        missing.push(`${module.name} ${table.name(i)}`);
      else found++;
    }
  }
  expect(missing).toEqual([]);
  expect(found).toBeGreaterThan(50_000);
});

test("code of vmlinux has the symbols that libdwfl gives it", () => {
  using session = new Dwfl();
  const module = session.report({ name: "vmlinux", file: files.vmlinux, place: { bias: 0n } });
  const text = module.elf.sectionsNamed(".text")[0];
  if (text === undefined) throw new Error("no .text");
  const random = new Random(20261121);
  const addresses = Array.from({ length: 2000 }, () => text.addr + BigInt(random.below(text.size)));
  const theirs = euSymbols(addresses, "-e", files.vmlinux);
  const ours = addresses.map((address) => {
    const match = module.symbolAt(address);
    if (match === undefined) return "";
    return match.offset === 0n ? match.symbol.name : `${match.symbol.name}+0x${match.offset.toString(16)}`;
  });
  const differences = ours.flatMap((name, i) => (name === theirs[i] ? [] : [`${name} ${theirs[i]}`]));
  expect(differences).toEqual([]);
});
