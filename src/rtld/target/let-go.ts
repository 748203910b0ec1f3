/** Ending control of one thread. */
import { ptraceDetach } from "../../host/ptrace.ts";
import { isOurs, threadWatch, type WaitListener } from "../../host/wait.ts";

/**
 * Lets a stopped thread run on without control, with a signal if `signal` is not 0. One that is not stopped, as in vfork(2), is
 * let go of when it stops. Of one that was killed meanwhile its parent is told once this process has asked how it ended. Both
 * are seen to as long as this process is there, and by its end.
 */
export function letGo(tid: number, signal: number): void {
  if (ptraceDetach(tid, signal) || !isOurs(tid)) return;
  const listener: WaitListener = (status) => {
    threadWatch.forget(tid);
    if (status.kind === "stopped") letGo(tid, status.event === 0 ? status.signal : 0);
  };
  threadWatch.watch(tid, listener, { keepsAlive: false });
}
