import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ElfFile, SHF, SHT, STB } from "../../../src/elf/index.ts";
import type { EditedSection } from "../../../src/elf/write/edit/node.ts";
import { ElfEditor } from "../../../src/elf/write/editor.ts";
import { ElfError } from "../../../src/errors.ts";
import {
  describeModel,
  isUsed,
  type Model,
  type ModelSection,
  type ModelSymbol,
  modelOf,
  removal,
} from "./edit-model.ts";
import { Workshop } from "./support.ts";

const shop = new Workshop();
afterAll(() => shop[Symbol.dispose]());
const fixture = join(import.meta.dirname, "fixtures", "shapes.cpp");

/** An edit in numbers, each taken modulo what there is to choose from. */
interface Edit {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}

/** The editor and the model side by side. */
class Pair {
  readonly editor: ElfEditor;
  readonly model: Model;
  readonly #handles = new Map<ModelSection, EditedSection>();
  #made = 0;

  constructor(path: string, symbolShift: bigint) {
    this.editor = ElfEditor.from(ElfFile.open(readFileSync(path)));
    this.model = modelOf(shop, path, symbolShift);
    this.model.sections.forEach((section, i) => {
      const handle = this.editor.sections[i];
      if (handle === undefined) throw new Error(`no section ${section.name}`);
      this.#handles.set(section, handle);
    });
  }

  apply({ kind, a, b }: Edit): void {
    const { sections, symbols } = this.model;
    const section = sections[a % sections.length];
    const ids = [...symbols.keys()].filter((id) => symbols[id] !== undefined);
    const id = ids[a % ids.length] ?? 0;
    const symbol = symbols[id];
    if (section === undefined || symbol === undefined) return;
    const edits = [
      () => this.#remove(section),
      () => this.#rename(section),
      () => this.#move(section, sections[b % sections.length]),
      () => this.#addSection(),
      () => this.#addSymbol(section, b),
      () => this.#removeSymbol(id, symbol),
      () => this.#changeSymbol(id, symbol, section),
      () => this.#thinRelocations(section, b),
    ];
    edits[kind % edits.length]?.();
  }

  #handle(section: ModelSection): EditedSection {
    const handle = this.#handles.get(section);
    if (handle === undefined) throw new Error(`no handle for ${section.name}`);
    return handle;
  }

  /** Whether the editor did it. A refusal must be one. */
  #did(edit: () => void): boolean {
    try {
      edit();
      return true;
    } catch (error) {
      if (error instanceof ElfError && error.code === "ELF_BAD_EDIT") return false;
      throw error;
    }
  }

  #remove(section: ModelSection): void {
    // Without the tables that all edits go through there is nothing left to try.
    if (["SYMTAB", "STRTAB"].includes(section.type)) return;
    const { gone, allowed } = removal(this.model, section);
    expect(
      this.#did(() => this.editor.removeSections(this.#handle(section))),
      section.name,
    ).toBe(allowed);
    if (!allowed) return;
    const { symbols } = this.model;
    this.model.sections = this.model.sections.filter((one) => !gone.has(one));
    for (const one of this.model.sections) one.members = one.members.filter((member) => !gone.has(member));
    symbols.forEach((symbol, id) => {
      if (symbol !== undefined && typeof symbol.place !== "string" && gone.has(symbol.place))
        symbols[id] = undefined;
    });
  }

  #rename(section: ModelSection): void {
    section.name = `.renamed${this.#made++}`;
    this.editor.renameSection(this.#handle(section), section.name);
  }

  #move(section: ModelSection, before: ModelSection | undefined): void {
    if (before === undefined || before === section) return;
    const sections = this.model.sections.filter((one) => one !== section);
    sections.splice(sections.indexOf(before), 0, section);
    const allowed = sections.every((group, i) => group.members.every((one) => sections.indexOf(one) > i));
    const did = this.#did(() => this.editor.moveSection(this.#handle(section), this.#handle(before)));
    expect(did).toBe(allowed);
    if (allowed) this.model.sections = sections;
  }

  #addSection(): void {
    const name = `.added${this.#made++}`;
    const section: ModelSection = { name, type: "PROGBITS", records: [], members: [], signature: undefined };
    const bytes = new Uint8Array(this.#made * 3);
    const flags = SHF.SHF_ALLOC;
    this.#handles.set(section, this.editor.addSection({ name, type: SHT.SHT_PROGBITS, flags, bytes }));
    this.model.sections.push(section);
  }

  #addSymbol(section: ModelSection, b: number): void {
    const name = `added_${this.#made++}`;
    const local = b % 2 === 0;
    const id = this.editor.symtab().add({
      name,
      value: 0,
      section: this.#handle(section),
      binding: local ? STB.STB_LOCAL : STB.STB_GLOBAL,
    });
    this.model.symbols[id] = { name, binding: local ? "LOCAL" : "GLOBAL", value: 0n, place: section };
  }

  #removeSymbol(id: number, symbol: ModelSymbol): void {
    const allowed = !isUsed(this.model, symbol);
    expect(this.#did(() => this.editor.symtab().remove(id))).toBe(allowed);
    if (allowed) this.model.symbols[id] = undefined;
  }

  #changeSymbol(id: number, symbol: ModelSymbol, section: ModelSection): void {
    if (symbol.name === undefined) return;
    symbol.name = `changed_${this.#made++}`;
    symbol.value = 0n;
    symbol.place = section;
    symbol.binding = symbol.binding === "LOCAL" ? "GLOBAL" : "LOCAL";
    const binding = symbol.binding === "LOCAL" ? STB.STB_LOCAL : STB.STB_GLOBAL;
    const handle = this.#handle(section);
    this.editor.symtab().change(id, { name: symbol.name, value: 0, section: handle, binding });
  }

  /** Leaves out every few records of a relocation section. */
  #thinRelocations(near: ModelSection, b: number): void {
    const { sections } = this.model;
    const start = sections.indexOf(near);
    const section = [...sections.slice(start), ...sections].find((one) => one.target !== undefined);
    if (section === undefined) return;
    const stays = (_: unknown, i: number) => i % 3 !== b % 3;
    const handle = this.#handle(section);
    this.editor.setRelocations(handle, this.editor.relocations(handle).filter(stays));
    section.records = section.records.filter(stays);
  }
}

const edits = fc.array(fc.record({ kind: fc.nat(7), a: fc.nat(10_000), b: fc.nat(10_000) }), {
  minLength: 3,
  maxLength: 24,
});

describe("whatever is edited, symbols stay in their sections and relocations keep their symbols", () => {
  it.each([
    ["x86_64", ["-O1", "--target=x86_64-linux-gnu"], 32n],
    ["i386, addends in place", ["-O1", "--target=i386-linux-gnu"], 8n],
    ["s390x, big-endian", ["--target=s390x-linux-gnu"], 32n],
    ["mips64, three types a record", ["--target=mips64-linux-gnu", "-mabi=64"], 32n],
    ["arm", ["--target=armv7a-linux-gnueabi"], 8n],
  ])("%s", (name, flags, symbolShift) => {
    const object = shop.path(`${name.slice(0, 4)}.o`);
    shop.run("clang++", [...flags, "-fno-addrsig", "-ffunction-sections", "-c", fixture, "-o", object]);
    fc.assert(
      fc.property(edits, fc.boolean(), (list, relay) => {
        const pair = new Pair(object, symbolShift);
        for (const edit of list) pair.apply(edit);
        const path = shop.save("edited.o", pair.editor.write({ relay }));
        expect(describeModel(modelOf(shop, path, symbolShift))).toEqual(describeModel(pair.model));
      }),
      { numRuns: 25, seed: 20261121 },
    );
  });
});
