/** Types by the names that C has for them: `struct point`, `size_t`, `const char *`. */

import { closestNames } from "../closest.ts";
import { baseName } from "../ctype/base-name.ts";
import { bare, type CBase, type CEncoding, type CPointer, type CType, isRecord, VOID } from "../ctype.ts";
import { ArgumentError } from "./argument-error.ts";

/** Stars of one name. */
const MOST_STARS = 16;
const ADDRESS_SIZE = 8;

/** C's own numbers, as 64-bit Linux has them. */
const NUMBERS: readonly (readonly [string, number, CEncoding])[] = [
  ["bool", 1, "bool"],
  ["char", 1, process.arch === "arm64" ? "unsigned" : "signed"],
  ["signed char", 1, "signed"],
  ["unsigned char", 1, "unsigned"],
  ["short", 2, "signed"],
  ["unsigned short", 2, "unsigned"],
  ["int", 4, "signed"],
  ["unsigned int", 4, "unsigned"],
  ["long", 8, "signed"],
  ["unsigned long", 8, "unsigned"],
  ["long long", 8, "signed"],
  ["unsigned long long", 8, "unsigned"],
  ["float", 4, "float"],
  ["double", 8, "float"],
];

/** Names that C's library gives to numbers, where nothing says otherwise. */
const LIBRARY_NAMES: readonly (readonly [string, string])[] = [
  ["size_t", "unsigned long"],
  ["ssize_t", "long"],
  ["ptrdiff_t", "long"],
  ["intptr_t", "long"],
  ["uintptr_t", "unsigned long"],
  ["int8_t", "signed char"],
  ["uint8_t", "unsigned char"],
  ["int16_t", "short"],
  ["uint16_t", "unsigned short"],
  ["int32_t", "int"],
  ["uint32_t", "unsigned int"],
  ["int64_t", "long"],
  ["uint64_t", "unsigned long"],
  ["intmax_t", "long"],
  ["uintmax_t", "unsigned long"],
  ["off_t", "long"],
  ["time_t", "long"],
  ["pid_t", "int"],
  ["uid_t", "unsigned int"],
  ["gid_t", "unsigned int"],
  ["mode_t", "unsigned int"],
  ["socklen_t", "unsigned int"],
];

/** All types that some types are made of, by name. They are gone through at the first question that needs it. */
export class TypeNames {
  readonly #roots: () => Iterable<CType>;
  #found: Map<string, CType> | undefined;

  constructor(roots: () => Iterable<CType>) {
    this.#roots = roots;
  }

  /**
   * A structure, union or enumeration by tag, with or without its keyword; a typedef, also one of C's library as
   * `size_t`; a number of C; `void`; and pointers to these. @throws ArgumentError when there is none
   */
  find(name: string): CType {
    const stars = name.match(/\*/g)?.length ?? 0;
    if (stars > MOST_STARS)
      throw new ArgumentError("type", `found ${stars} stars, expected at most ${MOST_STARS}`);
    const words = name
      .replace(/\*(\s*(const|volatile|restrict)\b)*/g, "")
      .trim()
      .split(/\s+/);
    const plain = words.filter((word) => word !== "const" && word !== "volatile").join(" ");
    const named = this.#plain(plain, name);
    let type: CType = words.includes("const")
      ? { kind: "qualified", qualifier: "const", type: named, size: named.size }
      : named;
    for (let i = 0; i < stars; i++) {
      const pointer: CPointer = { kind: "pointer", form: "*", size: ADDRESS_SIZE, target: type };
      type = pointer;
    }
    return type;
  }

  #plain(plain: string, given: string): CType {
    const number = NUMBERS_BY_NAME.get(baseName(plain, 0));
    if (number !== undefined) return number;
    this.#found ??= collect(this.#roots());
    const found = this.#found.get(plain) ?? LIBRARY_TYPES.get(plain);
    if (found !== undefined) return found;
    const closest = closestNames(plain, this.#found.keys());
    const hint = closest.length === 0 ? "" : `; there are ${closest.join(", ")}`;
    throw new ArgumentError("type", `found no type "${given}" in what is exported${hint}`);
  }
}

const NUMBERS_BY_NAME: ReadonlyMap<string, CType> = new Map<string, CType>([
  ["void", VOID],
  ...NUMBERS.map(([name, size, encoding]): [string, CBase] => [name, { kind: "base", name, size, encoding }]),
]);

const LIBRARY_TYPES: ReadonlyMap<string, CType> = new Map(
  LIBRARY_NAMES.map(([name, of]): [string, CType] => {
    const type = NUMBERS_BY_NAME.get(of) ?? VOID;
    return [name, { kind: "typedef", name, type, size: type.size }];
  }),
);

function collect(roots: Iterable<CType>): Map<string, CType> {
  const found = new Map<string, CType>();
  const seen = new Set<CType>();
  const waiting: CType[] = [...roots];
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    if (seen.has(type)) continue;
    seen.add(type);
    for (const name of namesOf(type)) {
      const known = found.get(name);
      if (known === undefined || (bare(known).size === undefined && bare(type).size !== undefined)) {
        found.set(name, type);
      }
    }
    waiting.push(...partsOf(type));
  }
  return found;
}

function namesOf(type: CType): string[] {
  if (type.kind === "typedef") return type.name === "" ? [] : [type.name];
  if (type.kind === "enum") return type.tag === undefined ? [] : [`enum ${type.tag}`, type.tag];
  return isRecord(type) && type.tag !== undefined ? [`${type.keyword} ${type.tag}`, type.tag] : [];
}

function partsOf(type: CType): readonly CType[] {
  switch (type.kind) {
    case "typedef":
    case "qualified":
      return [type.type];
    case "pointer":
      return [type.target];
    case "array":
    case "vector":
      return [type.element];
    case "function":
      return [type.result, ...type.parameters.map((parameter) => parameter.type)];
    case "struct":
    case "union":
      return type.members.map((member) => member.type);
    default:
      return [];
  }
}
