/**
 * `bindery/dlbind`: live ELF objects that the loader, debuggers, profilers and the kernel see.
 */
export type { Allocation } from "./allocation.ts";
export type { Backing } from "./backing.ts";
export { type BoundSymbol, LiveObject, type Usage } from "./library.ts";
export { jitdumpPath } from "./notify/perf.ts";
export type { BindOptions, CreateOptions, PerfOutput, Unwind } from "./options.ts";
export { FRAME_CIE, frameInstructions } from "./unwind.ts";
