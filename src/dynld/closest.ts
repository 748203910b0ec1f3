/** Names that somebody may have meant. */

/** Names longer than this are compared by their beginning. */
const MAX_LENGTH = 128;

/**
 * Up to `count` of `names` that differ from `name` by few enough edits to be a slip, the closest first.
 * Costs one pass over `names`.
 */
export function closestNames(name: string, names: Iterable<string>, count = 3): string[] {
  const wanted = name.slice(0, MAX_LENGTH);
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const candidate of names) {
    const distance = editDistance(wanted, candidate.slice(0, MAX_LENGTH), limit);
    if (distance <= limit && candidate !== name) found.push({ name: candidate, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return found.slice(0, count).map((one) => one.name);
}

/** Characters to insert, remove or replace to make `b` of `a`; anything above `limit` if it takes more than that. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      const cost = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      next.push(cost);
      least = Math.min(least, cost);
    }
    if (least > limit) return least;
    row = next;
  }
  return row[b.length] ?? limit + 1;
}
