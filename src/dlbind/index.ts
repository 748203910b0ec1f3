/**
 * `bindery/dlbind`: live ELF objects that the loader, debuggers, profilers and the kernel see.
 */
export type { Allocation } from "./allocation.ts";
export type { Backing } from "./backing.ts";
export type { SymbolBatch } from "./batch.ts";
export type { BoundSymbol } from "./binder.ts";
export type { ThreadBlock } from "./layout.ts";
export { LiveObject, type LiveThreads, type Usage } from "./library.ts";
export { jitdumpPath } from "./notify/perf.ts";
export type { DebugFile } from "./notify/publisher.ts";
export type { BindOptions, CreateOptions, PerfOutput, Unwind } from "./options.ts";
export {
  type AddressInfo,
  dladdr,
  dlalloc,
  dlbind,
  dlcreate,
  dldelete,
  dldsym,
  dlfree,
  dlrealloc,
  dlreload,
  dlsym,
  dlunbind,
  dlvsym,
  RTLD_DEFAULT,
} from "./seed.ts";
export { FRAME_CIE, frameInstructions } from "./unwind.ts";
