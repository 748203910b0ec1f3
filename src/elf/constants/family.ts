/**
 * Families of ELF constants: one table a family, in the specification's spelling, from which the values, the
 * union type, the printable name and the text for unknown values are taken.
 */

/** A family's table: specification names to values. Where two names share a value, the first is the printable one. */
export type Family = Readonly<Record<string, number>>;

const inverses = new WeakMap<Family, ReadonlyMap<number, string>>();

/** Value to name, built at the first question and kept as long as the table. */
function inverseOf(family: Family): ReadonlyMap<number, string> {
  let names = inverses.get(family);
  if (names === undefined) {
    const made = new Map<number, string>();
    for (const [name, value] of Object.entries(family)) if (!made.has(value)) made.set(value, name);
    inverses.set(family, made);
    names = made;
  }
  return names;
}

/** The specification's name of `value` in `family`, or `undefined` if the family does not name it. */
export function nameIn(family: Family, value: number): string | undefined {
  return inverseOf(family).get(value);
}

/**
 * The name of `value`, never failing. The more specific families (a processor's) come first. An unknown value is
 * printed relative to the reserved range that holds it (`SHT_LOOS+0x5`), or as `PREFIX_0x…`.
 *
 * @param ranges starts of reserved ranges, by name, e.g. `{ SHT_LOOS: 0x60000000 }`
 */
export function nameOf(
  prefix: string,
  value: number,
  families: readonly (Family | undefined)[],
  ranges: Family = {},
): string {
  for (const family of families) {
    const name = family === undefined ? undefined : nameIn(family, value);
    if (name !== undefined) return name;
  }
  let start = "";
  let startValue = -1;
  for (const [name, low] of Object.entries(ranges)) {
    if (low <= value && low > startValue) [start, startValue] = [name, low];
  }
  return start === ""
    ? `${prefix}_0x${value.toString(16)}`
    : `${start}+0x${(value - startValue).toString(16)}`;
}

/**
 * The names of the bits set in `value`, lowest first; bits that no family names come last as one number (`0x…`).
 * Families are asked in order; only their single-bit members count.
 */
export function flagNames(value: number, families: readonly (Family | undefined)[]): string[] {
  const names: string[] = [];
  let unknown = 0;
  for (let bit = 0; bit < 32; bit++) {
    const mask = 2 ** bit;
    if (((value >>> bit) & 1) === 0) continue;
    const family = families.find((one) => one !== undefined && nameIn(one, mask) !== undefined);
    const name = family === undefined ? undefined : nameIn(family, mask);
    if (name === undefined) unknown += mask;
    else names.push(name);
  }
  if (unknown !== 0) names.push(`0x${unknown.toString(16)}`);
  return names;
}
