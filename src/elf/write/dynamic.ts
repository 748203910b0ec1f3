/** The dynamic section, written [gABI, "Dynamic Section"]. */
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import { type Format, type Integer, putWord } from "./put.ts";

/** Writes entries at `at`, and behind them the `DT_NULL` that ends them. */
export function putDynamic(
  view: DataView,
  at: number,
  format: Format,
  entries: readonly { readonly tag: number }[],
  value: (index: number) => Integer,
  part: string,
): void {
  const { dynsize, word } = layoutOf(format.is64);
  entries.forEach(({ tag }, i) => {
    const entry = at + i * dynsize;
    const place = () => placeIn(undefined, part, i * dynsize);
    putWord(view, entry, format, tag, place);
    putWord(view, entry + word, format, value(i), place);
  });
}
