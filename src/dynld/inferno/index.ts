/**
 * `bindery/dynld/inferno`: Inferno's loadable modules and type signatures. Pure: no Node built-ins, nothing native, so
 * that it runs in a browser too.
 */
export { type ByteSource, bufferSource } from "../../bytes/source.ts";
export type { Dynobj, LoadRequest } from "../dynobj.ts";
export { type Dynsym, type DynsymEnd, type DynsymLike, dynfindsym, dyntabsize } from "../dynsym.ts";
export type { SignaturePolicy, SignatureRules } from "../policy.ts";
export { type ModuleStream, sourceStream } from "../stream.ts";
export { formatSymbolTable, parseSymbolTable } from "../symbol-table.ts";
export { CDeclarations } from "./c/declarations.ts";
export type { InfernoImport, InfernoRelocations } from "./dynamic.ts";
export { type InfernoHeader, isInfernoModule } from "./header.ts";
export type { InfernoImage } from "./image.ts";
export { INFERNO_MACHINES, type InfernoMachine, infernoMachine, type RelocationStyle } from "./machine.ts";
export {
  DEFAULT_BASE,
  InfernoModule,
  type InfernoOpenOptions,
  type InfernoRelocateOptions,
  type RelocationTarget,
} from "./module.ts";
export { type RelocationTrace, relocationTrace } from "./relocations.ts";
export type {
  ArrayType,
  BasicKind,
  BasicType,
  FunctionType,
  PointerType,
  SignType,
  StructType,
} from "./sign-type.ts";
export { SIGNINTERN, signof } from "./signof.ts";
