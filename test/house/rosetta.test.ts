import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { Allocation } from "../../src/dlbind/allocation.ts";
import * as dlbind from "../../src/dlbind/index.ts";
import * as dwarf from "../../src/dwarf/index.ts";
import { FieldReader } from "../../src/dwarf/relocation/field.ts";
import * as dwfl from "../../src/dwfl/index.ts";
import * as dynld from "../../src/dynld/index.ts";
import { InfernoImage } from "../../src/dynld/inferno/image.ts";
import * as elf from "../../src/elf/index.ts";
import { RelocationTable } from "../../src/elf/relocation.ts";
import { ElfSection } from "../../src/elf/section.ts";
import { DynldError } from "../../src/errors.ts";
import * as rtld from "../../src/rtld/index.ts";
import { LoadObject } from "../../src/rtld/load-object.ts";

const text = readFileSync(resolve(import.meta.dirname, "../../docs/rosetta.md"), "utf8");

/** Every C name of the documents that Bindery started from. */
const SEEDS = {
  libdbind:
    "dlcreate dlalloc dlrealloc dlfree dlbind dlunbind dlreload dldelete dldsym dlsym dlvsym dladdr dlopen RTLD_NODELETE RTLD_RELOADABLE",
  libdw:
    "Dwarf_Relocatable Dwarf_Addr Dwarf_Attribute Dwarf_Line dwarf_begin_elf dwarf_form_relocatable dwarf_formaddr dwarf_line_relocatable dwarf_lineaddr dwarf_ranges_relocatable dwarf_ranges dwarf_haspc_relocatable dwarf_haspc dwarf_getlocation_relocatable dwarf_getlocation dwarf_getlocation_addr dwarf_getlocation_implicit_value dwarf_relocatable_info dwarf_getaranges dwarf_addrdie Dwfl dwfl_module_getdwarf section_address __libdw_read_address __libdw_read_offset __libdw_formptr __libdwfl_relocate GElf_Sym GELF_R_SYM Elf_Scn",
  dynld:
    "Dynsym Dynobj _exporttab signof dynloadfd dynloadgen dynimport dynfindsym dyntabsize dynfreeimport dynobjfree",
  librtld_db:
    "rd_agent_t rd_err_e psaddr_t lwpid_t rd_event_enable rd_event_addr rd_event_getmsg rd_plt_resolution rd_init rd_new rd_delete rd_reset rd_errstr rd_log rd_loadobj_iter rd_loadobj_t rd_objpad_enable rd_event_e RD_NONE RD_PREINIT RD_POSTINIT RD_DLACTIVITY rd_notify_e rd_notify_t RD_NOTIFY_BPT RD_NOTIFY_AUTOBPT RD_NOTIFY_SYSCALL rd_event_msg_t rd_state_e RD_NOSTATE RD_CONSISTENT RD_ADD RD_DELETE rd_skip_e RD_RESOLVE_NONE RD_RESOLVE_STEP RD_RESOLVE_TARGET RD_RESOLVE_TARGET_STEP rd_plt_info_t pi_skip_method pi_nstep pi_target pi_baddr pi_flags RD_FLG_PI_PLTBOUND",
};

const rows = text
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** Names in backquotes in the cells of a row from the second on: what we call it. */
function here(row: readonly string[]): string[] {
  return row.slice(2).flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map((match) => match[1] ?? ""));
}

describe("docs/rosetta.md", () => {
  it.each(Object.entries(SEEDS))("has a row with an answer for every C name of %s", (_seed, names) => {
    for (const name of names.split(" ")) {
      const row = rows.find((cells) => new RegExp(`\`${name}\``).test(cells[1] ?? ""));
      expect(row?.slice(2).join("").length, name).toBeGreaterThan(0);
    }
  });

  it("names only what exists", () => {
    const publicNames = new Map<string, unknown>([
      ...Object.entries({ ...dlbind, ...elf, ...dwarf, ...dwfl, ...dynld, ...rtld, DynldError }),
      // Public as types: only other objects make them.
      ...Object.entries({ Allocation, ElfSection, FieldReader, InfernoImage, LoadObject, RelocationTable }),
    ]);
    const types = new Set([
      "bigint",
      "number",
      "ElfSymbol",
      "Resolver",
      "DwflOptions",
      "Dynobj",
      "Dynsym",
      "InfernoOpenOptions",
      "ProcService",
      "RdEventMsg",
      "RdNotify",
      "RdPltInfo",
    ]);
    const checked: string[] = [];
    for (const name of rows.flatMap(here)) {
      if (types.has(name)) continue;
      const [base = "", member] = name.split(".");
      const value = publicNames.get(base);
      expect(value, name).toBeDefined();
      if (member !== undefined) {
        expect(typeof value, name).toBe("function");
        const holder = value as { prototype: object };
        expect(member in holder || member in holder.prototype, name).toBe(true);
      }
      checked.push(name);
    }
    expect(checked.length).toBeGreaterThan(12);
  });
});
