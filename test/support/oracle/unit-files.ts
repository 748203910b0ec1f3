/** The files that a unit's line table names. */
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import type { DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { LineHeader } from "../../../src/dwarf/read/line/header.ts";
import { unitProgram } from "./file.ts";

export class UnitFiles {
  readonly #directory: string | undefined;
  readonly #header: LineHeader | undefined;
  readonly #paths = new Map<number, string | undefined>();

  constructor(unit: DwarfUnit) {
    const at = unit.entries();
    if (at.next()) {
      while (at.nextAttribute()) {
        if (at.attribute === DW_AT.DW_AT_comp_dir) this.#directory = unit.dwarf.string(unit, at);
      }
    }
    this.#header = unitProgram(unit);
  }

  /** Path of a file by its number, with its directories as far as the unit tells. */
  path(number: number): string | undefined {
    let path = this.#paths.get(number);
    if (path === undefined) {
      path = this.#header?.path(number, this.#directory);
      this.#paths.set(number, path);
    }
    return path;
  }
}
