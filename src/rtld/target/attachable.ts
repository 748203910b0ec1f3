/** Whether a process can come under control, as far as that is known before it is tried. [proc(5), /proc/pid/status] */
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import { HostError } from "../../errors.ts";

/** @throws HostError for this process, for a thread, and for a process that another one controls */
export function checkAttachable(pid: number): void {
  const status = readTextIfAny(`/proc/${pid}/status`);
  // What is gone, or must not be read, is told by who opens its memory.
  if (status === undefined) return;
  const group = numberIn(status, "Tgid");
  // Stopped, it would wait for itself for ever.
  if (group === process.pid) refuse(`process ${pid}: found this process, expected another one`);
  if (group !== pid) refuse(`process ${pid}: found a thread of process ${group}, expected a process`);
  const tracer = numberIn(status, "TracerPid");
  if (tracer === 0 || tracer === process.pid) return;
  const name = readTextIfAny(`/proc/${tracer}/comm`)?.trim() ?? "";
  refuse(
    `process ${pid}: found it under control of process ${tracer}${name && ` (${name})`}, expected it free`,
  );
}

function refuse(what: string): never {
  throw new HostError("HOST_UNSUPPORTED", "open", what);
}

function numberIn(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+)$`, "m").exec(status)?.[1] ?? 0);
}
