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
export type { FoundFunction } from "./lookup/find-function.ts";
export { type FoundLine, isPathEnd } from "./lookup/find-line.ts";
export { type CodeAnswer, type CodeFrame, CodeLookup } from "./lookup/lookup.ts";
export { dwarfError, type Located, relocationRequired } from "./place.ts";
export type { AbbrevTable, Encoding } from "./read/entry/abbrev.ts";
export type { EntryBatch } from "./read/entry/batch.ts";
export type { EntryCursor } from "./read/entry/cursor.ts";
export type { Parents } from "./read/entry/parents.ts";
export { evaluate, evaluateValue } from "./read/expression/evaluate.ts";
export {
  type Evaluation,
  type EvaluationContext,
  type Location,
  locatedBytes,
  type Piece,
} from "./read/expression/evaluate-location.ts";
export { type BaseType, baseType, type StackValue } from "./read/expression/evaluate-value.ts";
export { type Expression, ExpressionCursor, unitExpression } from "./read/expression/expression.ts";
export { type ExpressionStyle, expressionText } from "./read/expression/text.ts";
export { Cie, Fde, type FrameContext } from "./read/frame/entry.ts";
export { FrameHeaderTable } from "./read/frame/header.ts";
export {
  type CfaRule,
  type FrameRow,
  frameExpression,
  frameRow,
  frameRowAt,
  frameRowText,
  type RegisterRule,
} from "./read/frame/row.ts";
export { FrameRows } from "./read/frame/rows.ts";
export { FrameCursor, FrameSection } from "./read/frame/section.ts";
export { frameInstructionTexts } from "./read/frame/text.ts";
export { LINE_FLAG, LineColumns } from "./read/line/columns.ts";
export { LineHeader, lineProgramOffsets } from "./read/line/header.ts";
export { LineRows } from "./read/line/program.ts";
export { type LineRow, LineTable } from "./read/line/table.ts";
export { unitLineHeader } from "./read/line/unit.ts";
export {
  attributeExpression,
  type BoundedLocation,
  LocationCursor,
  locationAt,
  locationList,
  locations,
} from "./read/list/location.ts";
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
} from "./read/list/range.ts";
export { MacinfoCursor } from "./read/macro/info.ts";
export { MacroCursor } from "./read/macro/macro.ts";
export { type MacroEvent, unitMacros } from "./read/macro/unit.ts";
export { ArangeCursor } from "./read/names/aranges.ts";
export { ArangeIndex } from "./read/names/aranges-index.ts";
export { NameEntryCursor } from "./read/names/entry.ts";
export { caseFoldingHash } from "./read/names/hash.ts";
export { NameIndex, nameIndexes } from "./read/names/names.ts";
export { type GnuNameKind, PublicNameCursor } from "./read/names/pubnames.ts";
export { UnitBases, unitBases } from "./read/unit/addr-table.ts";
export type { UnitHeader } from "./read/unit/header.ts";
export { type Contribution, type Contributions, PackageIndex } from "./read/unit/package-index.ts";
export type { RootAttribute } from "./read/unit/root.ts";
export type { FieldReader } from "./relocation/field.ts";
export { Relocatable, type RelocationInfo, type RelocationTarget } from "./relocation/relocatable.ts";
export type { Resolver } from "./relocation/resolver.ts";
export type { DebugSection, DebugSections } from "./section.ts";
export { type SupplementaryLink, supplementaryLink } from "./supplementary-link.ts";
export { typeDeclaration } from "./type/declaration.ts";
export { type DefinitionOptions, typeDefinition } from "./type/definition.ts";
export { type MemberLayout, type TypeLayout, typeLayout } from "./type/layout.ts";
export { typeName } from "./type/name.ts";
export { definedTypes } from "./type/order.ts";
export { typeSize } from "./type/size.ts";
export type { IndexedUnit, UnitIndex } from "./unit-index.ts";
