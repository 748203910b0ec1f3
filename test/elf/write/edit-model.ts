/** A model of an object file under edit, made from what readelf says of it, and the same of what the editor writes. */
import type { Workshop } from "./support.ts";

export interface ModelSection {
  name: string;
  readonly type: string;
  /** Of what is neither of symbols nor relocations nor a group, the section that it belongs to (`sh_link`). */
  readonly link?: ModelSection;
  /** Of relocation sections, what they apply to. */
  readonly target?: ModelSection;
  records: ModelRelocation[];
  /** Of groups. */
  members: ModelSection[];
  signature: ModelSymbol | undefined;
}

export interface ModelSymbol {
  /** The name, or of a section symbol `undefined`: it is called as its section. */
  name: string | undefined;
  binding: string;
  value: bigint;
  place: ModelSection | "UND" | "ABS" | "COM";
}

export interface ModelRelocation {
  readonly offset: string;
  readonly type: string;
  symbol: ModelSymbol | undefined;
  readonly addend: string;
}

export interface Model {
  sections: ModelSection[];
  /** By the editor's ids; holes where symbols were removed. */
  symbols: (ModelSymbol | undefined)[];
}

const SECTION =
  /^ +\[ *(\d+)\] (\S*) +([A-Z0-9_]+) +[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ .{3} +(\d+) +(\d+) +\d+$/;
const SYMBOL = /^ +(\d+): ([0-9a-f]+) +\S+ (\S+) +(\S+) +\S+ +(?:\[.*\] +)?(\S+)(?: (\S*))?$/;
const RELOCATION =
  /^([0-9a-f]{8,16}) +([0-9a-f]{8,16}) (R_\S+)(?: +[0-9a-f]{8,16} +(\S+))?(?: +([+-] )?([0-9a-f]+))?$/;

/** Reads a file with readelf. */
export function modelOf(shop: Workshop, path: string, symbolShift: bigint): Model {
  const shown = shop.readelf(path).split("\n");
  const sections: ModelSection[] = [];
  const infos: number[] = [];
  const links: number[] = [];
  for (const line of shown) {
    const [, index, name = "", type = "", link, info] = SECTION.exec(line) ?? [];
    if (index === undefined || index === "0") continue;
    infos.push(Number(info));
    links.push(Number(link));
    if (sections.push({ name, type, records: [], members: [], signature: undefined }) !== Number(index))
      throw new Error(`a section before this was not understood: ${line}`);
  }
  sections.forEach((section, i) => {
    const target = sections[(infos[i] ?? 0) - 1];
    if (/^RELA?$/.test(section.type) && target !== undefined) Object.assign(section, { target });
    const link = sections[(links[i] ?? 0) - 1];
    if (!/^(RELA?|GROUP|SYMTAB)$/.test(section.type) && link !== undefined) Object.assign(section, { link });
  });
  const symbols: (ModelSymbol | undefined)[] = [undefined];
  for (const line of shown) {
    const [, index, value = "", type, binding = "", place = "", name = ""] = SYMBOL.exec(line) ?? [];
    if (index === undefined || index === "0") continue;
    if (symbols.length !== Number(index)) throw new Error(`a symbol before this was not understood: ${line}`);
    const where = /^\d+$/.test(place) ? sections[Number(place) - 1] : place;
    if (where === undefined || (typeof where === "string" && !["UND", "ABS", "COM"].includes(where)))
      throw new Error(`no such section: ${line}`);
    symbols[Number(index)] = {
      name: type === "SECTION" ? undefined : name,
      binding,
      value: BigInt(`0x${value}`),
      place: where as ModelSymbol["place"],
    };
  }
  readRecords(shown, sections, symbols, symbolShift);
  readGroups(shown, sections, symbols, infos);
  return { sections, symbols };
}

function readRecords(
  shown: readonly string[],
  sections: readonly ModelSection[],
  symbols: readonly (ModelSymbol | undefined)[],
  symbolShift: bigint,
): void {
  const holders = sections.filter((one) => /^RELA?$/.test(one.type)).values();
  let current: ModelSection | undefined;
  for (const line of shown) {
    if (/^[0-9a-f]{8,16} .* R_/.test(line) && !RELOCATION.test(line))
      throw new Error(`a relocation was not understood: ${line}`);
    if (/^Relocation section /.test(line)) {
      const name = /^Relocation section '(.*)'/.exec(line)?.[1];
      do current = holders.next().value;
      while (current !== undefined && current.name !== name);
    }
    const [, offset, info = "", type = "", , sign = "", addend = ""] = RELOCATION.exec(line) ?? [];
    if (offset === undefined) continue;
    const symbol = symbols[Number(BigInt(`0x${info}`) >> symbolShift)];
    current?.records.push({ offset, type, symbol, addend: `${sign}${addend}` });
  }
}

function readGroups(
  shown: readonly string[],
  sections: readonly ModelSection[],
  symbols: readonly (ModelSymbol | undefined)[],
  infos: readonly number[],
): void {
  let group: ModelSection | undefined;
  for (const line of shown) {
    const index = /group section \[ *(\d+)\]/.exec(line)?.[1];
    if (index !== undefined) {
      group = sections[Number(index) - 1];
      if (group !== undefined) group.signature = symbols[infos[Number(index) - 1] ?? 0];
    }
    const member = sections[Number(/^ {3}\[ *(\d+)\] {3}/.exec(line)?.[1] ?? 0) - 1];
    if (member !== undefined) group?.members.push(member);
  }
}

const nameOf = (symbol: ModelSymbol | undefined) =>
  symbol === undefined
    ? "nothing"
    : (symbol.name ?? `section ${typeof symbol.place === "string" ? symbol.place : symbol.place.name}`);

/** A model in words, to compare: names only, no numbers of sections or symbols. */
export function describeModel({ sections, symbols }: Model): unknown {
  return {
    sections: sections.map(({ name, type, link, target, members, signature }) => ({
      name,
      type,
      link: link?.name,
      target: target?.name,
      members: members.map((member) => member.name),
      signature: type === "GROUP" ? nameOf(signature) : undefined,
    })),
    symbols: symbols
      .filter((symbol) => symbol !== undefined)
      .map((symbol) => {
        const place = typeof symbol.place === "string" ? symbol.place : symbol.place.name;
        return `${nameOf(symbol)}: ${symbol.binding} ${place}+${symbol.value}`;
      })
      .sort(),
    relocations: sections
      .filter((one) => /^RELA?$/.test(one.type))
      .map(({ name, records }) => ({
        name,
        records: records.map((one) => `${one.offset} ${one.type} ${nameOf(one.symbol)} ${one.addend}`),
      })),
  };
}

/** What goes with a section, and whether it can go: the model's own answer, to be compared with the editor's. */
export function removal(model: Model, chosen: ModelSection): { gone: Set<ModelSection>; allowed: boolean } {
  const gone = new Set([chosen]);
  for (const one of model.sections) if (one.target === chosen) gone.add(one);
  for (const one of model.sections)
    if (one.members.length > 0 && one.members.every((member) => gone.has(member))) gone.add(one);
  const kept = model.sections.filter((one) => !gone.has(one));
  const doomed = (symbol: ModelSymbol | undefined) =>
    symbol !== undefined && typeof symbol.place !== "string" && gone.has(symbol.place);
  const needed = kept.some(
    ({ records, signature, link }) =>
      records.some((record) => doomed(record.symbol)) ||
      doomed(signature) ||
      (link !== undefined && gone.has(link)),
  );
  return { gone, allowed: !needed };
}

/** Whether a symbol is used by a relocation or a group. */
export function isUsed(model: Model, symbol: ModelSymbol): boolean {
  return model.sections.some(
    (one) => one.signature === symbol || one.records.some((record) => record.symbol === symbol),
  );
}
