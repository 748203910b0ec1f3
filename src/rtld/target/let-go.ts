/** Ending control of one thread. */
import { ptraceDetach } from "../../host/ptrace.ts";
import { isOurs, threadWatch } from "../../host/wait.ts";

/**
 * Lets a stopped thread run on without control, with a signal if `signal` is not 0. Of one that was killed meanwhile its
 * parent is told once this process has asked how it ended, which is seen to, as long as this process is there.
 */
export function letGo(tid: number, signal: number): void {
  if (ptraceDetach(tid, signal) || !isOurs(tid)) return;
  const listener = () => threadWatch.forget(tid);
  threadWatch.watch(tid, listener, { keepsAlive: false });
}
