/**
 * Writes the members of plain objects into memory, by code of its own for each structure: a call that is given an object
 * costs no more than one that koffi takes apart. Names are values that this code refers to, never parts of it.
 */
import { compileFunction } from "node:vm";
import { ArgumentError, refuse } from "./argument-error.ts";
import type { Memory } from "./memory.ts";
import type { RecordFields } from "./model.ts";
import { outgoingNumber } from "./number-transfer.ts";
import { isPlain } from "./record-view.ts";

/** Writes an object's members to zeroed memory. @throws ArgumentError, with some of them written */
export type RecordEncoder = (value: unknown, memory: Memory, where: string) => void;

const SETTERS: Readonly<Record<string, (value: string, at: number) => string>> = {
  bool: (value, at) => `view.setUint8(${at}, ${value} ? 1 : 0)`,
  int8: (value, at) => `view.setInt8(${at}, ${value})`,
  uint8: (value, at) => `view.setUint8(${at}, ${value})`,
  int16: (value, at) => `view.setInt16(${at}, ${value}, true)`,
  uint16: (value, at) => `view.setUint16(${at}, ${value}, true)`,
  int32: (value, at) => `view.setInt32(${at}, ${value}, true)`,
  uint32: (value, at) => `view.setUint32(${at}, ${value}, true)`,
  int64: (value, at) => `view.setBigInt64(${at}, ${value}, true)`,
  uint64: (value, at) => `view.setBigUint64(${at}, ${value}, true)`,
  float: (value, at) => `view.setFloat32(${at}, ${value}, true)`,
  double: (value, at) => `view.setFloat64(${at}, ${value}, true)`,
};

/** An encoder for a structure. */
export function recordEncoder({ name, record, fields }: RecordFields): RecordEncoder {
  const all = [...fields.values()];
  const numbers = all.map(({ type, isBitField }) => (isBitField ? undefined : outgoingNumber(type)));
  const lines = all.map(({ offset }, i) => {
    const number = numbers[i];
    const setter = number === undefined ? undefined : SETTERS[number.shape];
    const write =
      number === undefined || setter === undefined
        ? `accesses[${i}].write(memory, ${offset}, v${i}, where + m${i});`
        : `if (!(${number.test?.replaceAll("$", `v${i}`) ?? "false"})) v${i} = c${i}(v${i}, where + m${i}); ${setter(`v${i}`, offset)};`;
    return `  let v${i} = value[n${i}]; if (v${i} !== undefined) { found++; ${write} }`;
  });
  const code = [
    '"use strict";',
    "const { names, places, converts, accesses, isUnion, checkCount } = environment;",
    ...all.map((_, i) => `const n${i} = names[${i}], m${i} = places[${i}], c${i} = converts[${i}];`),
    "return (value, memory, where) => {",
    "  const { view } = memory;",
    "  let found = 0, given = 0;",
    ...lines,
    "  for (const key in value) given++;",
    "  if (found !== given || (isUnion && found > 1)) checkCount(value, found, where);",
    "};",
  ];
  const environment = {
    names: [...fields.keys()],
    places: [...fields.keys()].map((one) => `: .${one}`),
    converts: numbers.map((number) => number?.convert),
    accesses: all.map(({ access }) => access),
    isUnion: record.kind === "union",
    checkCount: (value: object, found: number, where: string) => {
      for (const [key, content] of Object.entries(value)) {
        if (!fields.has(key))
          throw new ArgumentError(where, `found member "${key}", which ${name} does not have`);
        if (content === undefined)
          throw new ArgumentError(`${where}: .${key}`, "found undefined, expected a value");
      }
      if (record.kind === "union" && found > 1) {
        throw new ArgumentError(where, `found ${found} members of ${name}, expected one`);
      }
    },
  };
  const encode = compileFunction(code.join("\n"), ["environment"])(environment) as RecordEncoder;
  return (value, memory, where) => {
    if (!isPlain(value)) refuse(where, value, `${name}: a view of one, or an object with its members`);
    encode(value, memory, where);
  };
}
