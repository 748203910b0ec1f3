/** What `/proc/PID/stat` tells of a process [proc(5)]. */

/** A flag of `/proc/PID/stat`: a thread of the kernel [PF_KTHREAD]. */
const PF_KTHREAD = 0x200000;

/** Why a process has no memory, by its `stat` of proc(5); `undefined` if that does not say. */
export function whyEmpty(stat: string): string | undefined {
  // Behind the name, which may have blanks and parentheses: state, parent, group, session, terminal, its group, flags.
  const [state, , , , , , flags] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return "has ended, and its parent has not asked how (a zombie)";
  if ((Number(flags) & PF_KTHREAD) !== 0) return "is a thread of the kernel, which has no memory of its own";
  return undefined;
}
