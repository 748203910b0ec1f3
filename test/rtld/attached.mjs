/** Controls the process that is named, until it is told to end, by its second argument: `exit` or `detach`. */
import { followLinker, GuardedTarget } from "bindery/rtld";

const [pid, how] = process.argv.slice(2);
const target = GuardedTarget.attach(Number(pid));
process.on("SIGUSR2", () => {
  if (how === "exit") process.exit(0);
  target.detach();
});
let count = 0;
await followLinker(target, ({ event, code }) => {
  if (event === "RD_DLACTIVITY" && ++count === 20) process.stdout.write("follows\n");
  if (event === "exit") process.exitCode = code;
});
