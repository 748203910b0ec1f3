/** The address space of a process as a drawing: its objects from low to high addresses, to scale, with what is empty folded. */
import { basename } from "node:path";
import { PF } from "../../elf/constants/segment.ts";
import type { LoadObject, LoadSegment } from "../../rtld/index.ts";

const WIDTH = 860;
/** Where the drawing begins, below its title and legend. */
const TOP = 104;
/** Left and right edge of the address space; namespaces beside the program's own are indented. */
const BAR = { left: 200, right: 420, indent: 24 };
const LABEL = { left: 520, height: 15 };
/** Pixels that objects take on average, so that the longest drawing stays one that can be looked at. */
const EACH = 30;
const LEAST = 400;
const MOST = 16_000;
/** Least height of a segment, which is beyond the scale for the smallest. */
const THIN = 2;
/** Height of a fold, and of the highest gap that is none. */
const FOLD = 22;

const STYLE = `
  text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #24292f }
  .title { font: 600 16px ui-sans-serif, system-ui, sans-serif }
  .quiet { fill: #6e7781 }
  .address { text-anchor: end }
  .fold { text-anchor: middle; font-style: italic; fill: #6e7781 }
  .gap { fill: none; stroke: #8c959f; stroke-dasharray: 2 3 }
  .leader { fill: none; stroke: #afb8c1 }
  .segment { stroke: #fff; stroke-width: .5 }
  .r { fill: #8db3d9 } .rx { fill: #62a87c } .rw { fill: #e3a35b } .rwx { fill: #c8453b } .none { fill: #d0d7de }
`;

const KINDS = [
  ["r", "r-- read"],
  ["rx", "r-x code"],
  ["rw", "rw- data"],
  ["rwx", "rwx"],
] as const;

/** The drawing as text. @param title what it is of */
export function drawing(title: string, objects: readonly LoadObject[]): string {
  const spaces = new Set(objects.map((one) => one.lmIdent)).size;
  const sketch = new Sketch(objects);
  const about = `${objects.length} objects${spaces > 1 ? ` in ${spaces} namespaces` : ""}, ${size(sketch.bytes)}`;
  const legend = KINDS.map(
    ([kind, text], i) =>
      `<rect class="segment ${kind}" x="${BAR.left + 100 * i}" y="66" width="12" height="12"/>` +
      `<text x="${BAR.left + 100 * i + 17}" y="76">${text}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${sketch.height}" width="${WIDTH}" height="${sketch.height}">`,
    `<title>${xml(title)}</title>`,
    `<desc>Address space: ${about}. Low addresses are above; what is empty is folded.</desc>`,
    `<style>${STYLE}</style>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text class="title" x="20" y="32">${xml(title)}</text>`,
    `<text class="quiet" x="20" y="52">${about}</text>`,
    ...legend,
    ...sketch.lines,
    "</svg>",
    "",
  ].join("\n");
}

/** Draws from above to below. */
class Sketch {
  readonly lines: string[] = [];
  /** Bytes of all segments. */
  readonly bytes: number;
  readonly #scale: number;
  #y = TOP;
  /** Where the last name and the last address are. */
  #named = TOP - LABEL.height;
  #addressed = TOP - LABEL.height;

  constructor(objects: readonly LoadObject[]) {
    const placed = objects
      .filter((one) => one.segments.length > 0)
      .sort((a, b) => (a.base < b.base ? -1 : 1));
    this.bytes = placed
      .flatMap((one) => one.segments)
      .reduce((sum, one) => sum + Number(one.end - one.start), 0);
    const height = Math.min(MOST, Math.max(LEAST, placed.length * EACH));
    this.#scale = height / Math.max(1, this.bytes);
    let end: bigint | undefined;
    for (const object of placed) {
      this.#gap(end, object.base);
      this.#object(object);
      end = object.end;
    }
  }

  get height(): number {
    return Math.ceil(Math.max(this.#y, this.#named, this.#addressed) + 30);
  }

  #object(object: LoadObject): void {
    const { name, base, lmIdent, segments } = object;
    const top = this.#y;
    this.lines.push(`<g><title>${xml(name)}</title>`);
    let end: bigint | undefined;
    for (const one of segments) {
      this.#gap(end, one.start);
      this.#segment(object, one);
      end = one.end;
    }
    const [left, right] = [BAR.left, BAR.right].map((one) => one + lmIdent * BAR.indent);
    const middle = (top + this.#y) / 2;
    this.#named = Math.max(middle, this.#named + LABEL.height);
    this.#addressed = Math.max(top, this.#addressed + LABEL.height);
    const space = lmIdent === 0 ? "" : ` in namespace ${lmIdent}`;
    const bytes = segments.reduce((sum, one) => sum + Number(one.end - one.start), 0);
    const ends = `M${right} ${px(middle)}h14L${LABEL.left - 18} ${px(this.#named)}h12`;
    this.lines.push(
      `<path class="leader" d="${ends}"/>`,
      `<text class="quiet address" x="${BAR.left - 8}" y="${px(this.#addressed + 4)}">${hex(base)}</text>`,
      `<path class="leader" d="M${BAR.left - 6} ${px(this.#addressed)}L${left} ${px(top)}"/>`,
      `<text x="${LABEL.left}" y="${px(this.#named + 4)}">${xml(basename(name))}` +
        `<tspan class="quiet" dx="8">${size(bytes)}${space}</tspan></text>`,
      "</g>",
    );
  }

  #segment({ name, lmIdent }: LoadObject, { start, end, flags }: LoadSegment): void {
    const height = Math.max(THIN, Number(end - start) * this.#scale);
    const x = BAR.left + lmIdent * BAR.indent;
    const letters = `${flags & PF.PF_R ? "r" : "-"}${flags & PF.PF_W ? "w" : "-"}${flags & PF.PF_X ? "x" : "-"}`;
    const about = `${name} ${letters} ${hex(start)}-${hex(end)} ${size(Number(end - start))}`;
    this.lines.push(
      `<rect class="segment ${letters.replaceAll("-", "") || "none"}" x="${x}" y="${px(this.#y)}" width="${BAR.right - BAR.left}" ` +
        `height="${px(height)}"><title>${xml(about)}</title></rect>`,
    );
    this.#y += height;
  }

  /** What is empty: to scale if it is small, else a fold that says how much it is. */
  #gap(from: bigint | undefined, to: bigint): void {
    const bytes = from === undefined ? 0 : Number(to - from);
    if (bytes <= 0) return;
    const height = bytes * this.#scale;
    if (height < FOLD) {
      this.#y += height;
      return;
    }
    const [left, right, middle] = [BAR.left, BAR.right, this.#y + FOLD / 2];
    this.lines.push(
      `<path class="gap" d="M${left} ${px(this.#y)}v${FOLD}M${right} ${px(this.#y)}v${FOLD}"/>`,
      `<text class="fold" x="${(left + right) / 2}" y="${px(middle + 4)}">${size(bytes)} empty</text>`,
    );
    this.#y += FOLD;
  }
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

function size(bytes: number): string {
  const unit = bytes === 0 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit]}`;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** What may not be in XML at all is left out. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
