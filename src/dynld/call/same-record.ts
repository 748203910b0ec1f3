/** Whether two structures are the same: of two files that include one header, each has its own. */
import type { CRecord } from "../ctype.ts";

const known = new WeakMap<CRecord, WeakMap<CRecord, boolean>>();

/**
 * Whether a view of one type may be given where the other is expected: the same tag, size and places of members. An
 * incomplete type is the same as any of its tag.
 */
export function sameRecord(one: CRecord, other: CRecord): boolean {
  if (one === other) return true;
  let answers = known.get(one);
  if (answers === undefined) {
    answers = new WeakMap();
    known.set(one, answers);
  }
  let answer = answers.get(other);
  if (answer === undefined) {
    answer = isSame(one, other);
    answers.set(other, answer);
  }
  return answer;
}

function isSame(one: CRecord, other: CRecord): boolean {
  if (one.kind !== other.kind || one.tag !== other.tag) return false;
  if (!one.isComplete || !other.isComplete) return one.tag !== undefined;
  return (
    one.size === other.size &&
    one.members.length === other.members.length &&
    one.members.every((member, index) => {
      const against = other.members[index];
      return (
        member.name === against?.name &&
        member.bitOffset === against?.bitOffset &&
        member.bitSize === against?.bitSize &&
        member.type.size === against?.type.size
      );
    })
  );
}
