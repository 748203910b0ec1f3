/** `bindery/dynld`: modules of native code, loaded against a table of symbols that are checked by their types. */

export { type DynloadOptions, dynloadable, dynloadgen } from "./dynload.ts";
export { dynloadfd } from "./dynloadfd.ts";
export {
  type Dynobj,
  dynfreeimport,
  dynimport,
  dynobjfree,
  type ErrorCallback,
  type LoadRequest,
} from "./dynobj.ts";
export { type Dynsym, type DynsymEnd, type DynsymLike, dynfindsym, dyntabsize } from "./dynsym.ts";
export { type AddressSymbol, type ExportOwner, ExportTable, type OfferedSymbol } from "./export-table.ts";
export { type FileTableOptions, fileTable } from "./file-table.ts";
export {
  CDeclarations,
  type InfernoImage,
  InfernoModule,
  type InfernoOpenOptions,
  type InfernoRelocateOptions,
  isInfernoModule,
  SIGNINTERN,
  type SignType,
  signof,
} from "./inferno/index.ts";
export { DEFAULT_BASE } from "./inferno/module.ts";
export {
  type ImageRequest,
  type ImageSection,
  type ImageSegment,
  linkImage,
  type ModuleImage,
} from "./link/image.ts";
export type { ImportedSymbol, ImportSource } from "./link/imports.ts";
export type { ModuleFile } from "./link/input.ts";
export type { PlacedSymbol } from "./link/link.ts";
export { type MadeModule, type MkmodOptions, makeModule, parseNameList } from "./mkmod/mkmod.ts";
export { Module, type ModuleOptions, type ReloadOptions } from "./module.ts";
export type { SignaturePolicy, SignatureRules } from "./policy.ts";
export type { ReadCallback, SeekCallback } from "./stream.ts";
export { formatSymbolTable, parseSymbolTable } from "./symbol-table.ts";
