/** Address ranges of units as `readelf -wr` prints `.debug_aranges`. */
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { ArangeCursor } from "../../../src/dwarf/read/names/aranges.ts";
import type { Oracle } from "./compare.ts";
import { hex64 } from "./file.ts";

/** Compares all sets and their tuples. */
export function readelfArangesOracle(path: string, dwarf: Dwarf): Oracle {
  return { tool: "readelf", args: ["-wNr", "-W", path], ours: lines(dwarf), normal: normal() };
}

function* lines(dwarf: Dwarf): Generator<string> {
  for (const section of dwarf.sections.named("debug_aranges")) {
    const at = new ArangeCursor(dwarf.reader(section));
    while (at.nextSet()) {
      yield `unit ${at.unitOffset.toString(16)} ${at.addressSize} ${at.segmentSize}`;
      while (at.next()) {
        at.finalStart();
        const start = hex64(at.reader.low, at.reader.high);
        // An empty range at the start of a section looks like the end to readelf, which goes on behind it.
        if (start !== "0" || at.length !== 0) yield `${start} ${at.length.toString(16)}`;
      }
    }
  }
}

/** The header of a set takes three lines. */
function normal(): (line: string) => string | undefined {
  let unit = "";
  let size = "";
  return (line) => {
    const field = /^ {2}(Offset into \.debug_info|Pointer Size|Segment Size): +(?:0x)?([0-9a-f]+)$/.exec(
      line,
    );
    if (field !== null) {
      const [, name, value = ""] = field;
      if (name === "Segment Size") return `unit ${unit} ${size} ${value}`;
      if (name === "Pointer Size") size = value;
      else unit = value;
      return undefined;
    }
    const tuple = /^ {4}([0-9a-f]{8,16}) ([0-9a-f]{8,16})/.exec(line);
    if (tuple === null) return undefined;
    const text = [tuple[1], tuple[2]].map((digits) => BigInt(`0x${digits}`).toString(16)).join(" ");
    return text === "0 0" ? undefined : text;
  };
}
