/** `bindery/dwarf`: debug information, read lazily and relocated as it is read. Pure: no Node built-ins, nothing native. */

export { DwarfError, type DwarfErrorCode, RelocationRequiredError } from "../errors.ts";
export { attributeName, DW_AT } from "./constants/attribute.ts";
export {
  attributeValueName,
  DW_ACCESS,
  DW_APPLE_PROPERTY,
  DW_CC,
  DW_DEFAULTED,
  DW_DSC,
  DW_ID,
  DW_INL,
  DW_ORD,
  DW_VIRTUALITY,
  DW_VIS,
} from "./constants/attribute-value.ts";
export { DW_ATE, DW_DS, DW_END } from "./constants/base-type.ts";
export { DW_FORM, formName } from "./constants/form.ts";
export { callFrameName, DW_CFA, DW_EH_PE, pointerEncodingName } from "./constants/frame.ts";
export { DW_LANG } from "./constants/language.ts";
export {
  DW_LNCT,
  DW_LNE,
  DW_LNS,
  extendedLineOpcodeName,
  lineContentName,
  lineOpcodeName,
} from "./constants/line.ts";
export {
  DW_LLE,
  DW_LLE_GNU,
  DW_RLE,
  locationListEntryName,
  rangeListEntryName,
  splitLocationListEntryName,
} from "./constants/list.ts";
export {
  DW_MACINFO,
  DW_MACRO,
  DW_MACRO_FLAG,
  DW_MACRO_GNU,
  gnuMacroEntryName,
  macinfoEntryName,
  macroEntryName,
} from "./constants/macro.ts";
export { DW_IDX, indexAttributeName } from "./constants/name-index.ts";
export { DW_OP, operationName } from "./constants/operation.ts";
export { DW_SECT, DW_SECT_V2, packageSectionName } from "./constants/package.ts";
export { DW_REG_X86_64, registerName } from "./constants/register.ts";
export { DW_TAG, tagName } from "./constants/tag.ts";
export { DW_CHILDREN, DW_UT, unitTypeName } from "./constants/unit.ts";
export { Attribute, Die, entryAt, rootEntry } from "./die.ts";
export { Dwarf, DwarfUnit, type SplitLink, type SplitLoader, type SupplementaryLoader } from "./dwarf.ts";
export {
  callPlace,
  declarationPlace,
  type InlineFrame,
  importedUnits,
  inlineChain,
  linkageName,
  type SourcePlace,
} from "./entry-facts.ts";
export type { FieldReader } from "./field.ts";
export type { FoundFunction } from "./lookup/find-function.ts";
export { type FoundLine, isPathEnd } from "./lookup/find-line.ts";
export { type CodeAnswer, type CodeFrame, CodeLookup } from "./lookup/lookup.ts";
export { dwarfError, type Located, relocationRequired } from "./place.ts";
export type { AbbrevTable, Encoding } from "./read/abbrev.ts";
export { UnitBases, unitBases } from "./read/addr-table.ts";
export { ArangeCursor } from "./read/aranges.ts";
export { ArangeIndex } from "./read/aranges-index.ts";
export type { EntryBatch } from "./read/batch.ts";
export type { EntryCursor } from "./read/cursor.ts";
export { evaluate, evaluateValue } from "./read/evaluate.ts";
export {
  type Evaluation,
  type EvaluationContext,
  type Location,
  locatedBytes,
  type Piece,
} from "./read/evaluate-location.ts";
export { type BaseType, baseType, type StackValue } from "./read/evaluate-value.ts";
export { type Expression, ExpressionCursor, unitExpression } from "./read/expression.ts";
export { type ExpressionStyle, expressionText } from "./read/expression-text.ts";
export { FrameCursor, FrameSection } from "./read/frame.ts";
export { Cie, Fde, type FrameContext } from "./read/frame-entry.ts";
export { FrameHeaderTable } from "./read/frame-header.ts";
export {
  type CfaRule,
  type FrameRow,
  frameExpression,
  frameRow,
  frameRowAt,
  frameRowText,
  type RegisterRule,
} from "./read/frame-row.ts";
export { FrameRows } from "./read/frame-rows.ts";
export { frameInstructionTexts } from "./read/frame-text.ts";
export { LINE_FLAG, LineColumns } from "./read/line-columns.ts";
export { LineHeader, lineProgramOffsets } from "./read/line-header.ts";
export { LineRows } from "./read/line-program.ts";
export { type LineRow, LineTable } from "./read/line-table.ts";
export { unitLineHeader } from "./read/line-unit.ts";
export {
  attributeExpression,
  type BoundedLocation,
  LocationCursor,
  locationAt,
  locationList,
  locations,
} from "./read/location.ts";
export { MacroCursor } from "./read/macro.ts";
export { MacinfoCursor } from "./read/macro-info.ts";
export { type MacroEvent, unitMacros } from "./read/macro-unit.ts";
export { NameIndex, nameIndexes } from "./read/names.ts";
export { NameEntryCursor } from "./read/names-entry.ts";
export { caseFoldingHash } from "./read/names-hash.ts";
export { type Contribution, type Contributions, PackageIndex } from "./read/package-index.ts";
export type { Parents } from "./read/parents.ts";
export { type GnuNameKind, PublicNameCursor } from "./read/pubnames.ts";
export {
  type AddressRange,
  addressRanges,
  attributeRanges,
  type EntryPlace,
  entryRanges,
  hasPc,
  isWithin,
  type PcBounds,
  pcBounds,
  RangeCursor,
  type RelocatableRange,
  rangeList,
} from "./read/range.ts";
export type { RootAttribute } from "./read/root.ts";
export type { UnitHeader } from "./read/unit.ts";
export { Relocatable, type RelocationInfo, type RelocationTarget } from "./relocatable.ts";
export type { Resolver } from "./resolver.ts";
export type { DebugSection, DebugSections } from "./section.ts";
export { type SupplementaryLink, supplementaryLink } from "./supplementary-link.ts";
export { typeDeclaration } from "./types.ts";
export { type DefinitionOptions, typeDefinition } from "./types-definition.ts";
export { type MemberLayout, type TypeLayout, typeLayout } from "./types-layout.ts";
export { typeName } from "./types-name.ts";
export { definedTypes } from "./types-order.ts";
export { typeSize } from "./types-size.ts";
export type { IndexedUnit, UnitIndex } from "./unit-index.ts";
