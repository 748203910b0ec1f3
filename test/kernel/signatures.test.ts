/** Signatures of what modules of a kernel export: the same whether types or entries are gone through. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fullText, groupsOf, Signatures, type SignedSymbol } from "../../src/dynld/signature/signature.ts";
import { TypedFile } from "../../src/dynld/signature/typed-file.ts";

/** One in so many. */
const STRIDE = 20;
const { modules }: { modules: string[] } = JSON.parse(readFileSync(process.env.BINDERY_FILES ?? "", "utf8"));

test(`one module in ${STRIDE} has the same signatures both ways`, () => {
  let compared = 0;
  for (const path of modules.filter((_, index) => index % STRIDE === 0)) {
    using file = TypedFile.openLocal(path);
    const ofTypes = new Signatures();
    const made: { readonly quick: SignedSymbol; readonly slow: SignedSymbol }[] = [];
    for (const { typed } of file.typedExports()) {
      if (typed === undefined) continue;
      const quick = file.signature(typed);
      const slow = ofTypes.of(typed);
      expect(quick.signature, `${path}: ${typed.name}`).toBe(slow.signature);
      made.push({ quick, slow });
      compared++;
    }
    const texts = (which: "quick" | "slow") =>
      groupsOf(made.map((one) => one[which])).map(({ text }) => text);
    expect(texts("quick")).toEqual(texts("slow"));
    const [first] = made;
    if (first !== undefined) expect(fullText(first.quick)).toBe(fullText(first.slow));
  }
  expect(compared).toBeGreaterThan(200);
});
