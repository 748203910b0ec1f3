/**
 * Controls a process by itself, without a guard: one that is running, by its id, or one that is started, by its path. Says
 * its process id, and ends as the second argument has it: `throw`, `exit`, or not at all.
 */
import { followLinker, Target } from "bindery/rtld";

const [, , what, how, ...args] = process.argv;
const target = /^\d+$/.test(what) ? Target.attach(Number(what)) : Target.spawn(what, args);
let count = 0;
await followLinker(target, ({ event }) => {
  if (event !== "RD_DLACTIVITY" || ++count !== 20) return;
  process.stdout.write(`follows ${target.pid}\n`, () => {
    if (how === "throw") throw new Error("on purpose");
    if (how === "exit") process.exit(3);
  });
});
