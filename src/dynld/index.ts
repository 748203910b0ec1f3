/** `bindery/dynld`: modules of native code, loaded against a table of symbols that are checked by their types. */

export { ArgumentError } from "./call/argument-error.ts";
export { ArrayView } from "./call/array-view.ts";
export {
  type AnyExports,
  Bindings,
  type BoundSymbol,
  callables,
  type ExportsShape,
  text,
} from "./call/bindings.ts";
export type { NativeCallable } from "./call/callable.ts";
export type { Callback } from "./call/callback.ts";
export { type Library, type LibraryOptions, openLibrary } from "./call/library.ts";
export { addressOf, type InMemory } from "./call/memory.ts";
export type { NativeType } from "./call/native-type.ts";
export { RecordView, snapshot } from "./call/record-view.ts";
export { callAsync } from "./call/thread-call.ts";
export { type DeclarationOptions, declaration, symbolDeclaration } from "./ctype/declaration.ts";
export { CTypeReader } from "./ctype/read.ts";
export { SymbolTypes, type TypedSymbol } from "./ctype/symbol-types.ts";
export { type ValueKind, valueKind } from "./ctype/value-kind.ts";
export {
  alignOf,
  bare,
  type CArray,
  type CBareType,
  type CBase,
  type CEncoding,
  type CEnum,
  type CEnumerator,
  type CFunction,
  type CMember,
  type CMemberRole,
  type COther,
  type CParameter,
  type CPointer,
  type CQualified,
  type CQualifier,
  type CRecord,
  type CSymbol,
  type CType,
  type CTypedef,
  type CTypeEntry,
  type CVector,
  type CVoid,
  isRecord,
} from "./ctype.ts";
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
export {
  type AddressSymbol,
  type ExportOwner,
  ExportTable,
  type OfferedSymbol,
  type SignedThreadVariable,
  type SymbolUse,
  type UniqueSymbol,
} from "./export-table.ts";
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
export type { ImportedSymbol, ImportSource, ThreadVariable } from "./link/imports.ts";
export type { ModuleFile } from "./link/input.ts";
export type { PlacedSymbol } from "./link/link.ts";
export { type MadeModule, type MkmodOptions, makeModule, parseNameList } from "./mkmod/mkmod.ts";
export { type ModuleOptions, NativeModule, type ReloadOptions } from "./module.ts";
export type { SignaturePolicy, SignatureRules } from "./policy.ts";
export {
  type CompareOptions,
  compareSymbols,
  type DifferenceKind,
  type DifferenceSide,
  type TypeDifference,
} from "./signature/compare.ts";
export { diffExports, type ExportChange, type ExportChangeKind } from "./signature/diff.ts";
export { explainMismatch, type MismatchOptions, type SignatureMismatch } from "./signature/explain.ts";
export { type ExportedSymbol, exportedSymbols } from "./signature/exported.ts";
export type { TypeGroup } from "./signature/groups.ts";
export { infernoSignature, infernoType } from "./signature/inferno.ts";
export {
  fullText,
  groupsOf,
  Signatures,
  type SignedSymbol,
  signatureText,
} from "./signature/signature.ts";
export { encodeTypes, TypeTable } from "./signature/table.ts";
export { openTyped, TypedArchive, type UnreadMember } from "./signature/typed-archive.ts";
export { type TypedExport, TypedFile, type TypedSource } from "./signature/typed-file.ts";
export type { ReadCallback, SeekCallback } from "./stream.ts";
export { formatSymbolTable, parseSymbolTable } from "./symbol-table.ts";
export {
  type LeftOut,
  type TypeScriptDeclarations,
  typeScriptDeclarations,
} from "./typescript/declarations.ts";
