/**
 * Errors of the whole toolkit.
 *
 * Every failure that a caller can meet is a {@link BinderyError}: a stable `code` to match on, the fields
 * that led to it as data, and a message of the form *where: what, found, expected*. A subsystem adds its own
 * subclass and its own codes here, so that the list of what can go wrong is in one place.
 */

/** Where in an input something was found wrong. All offsets are bytes from the start of what they name. */
export interface Place {
  /** The file or archive member, as the caller named it. */
  readonly file?: string;
  /** The section, header or table that was being read, e.g. `.symtab` or `program header 3`. */
  readonly section?: string;
  /** Byte offset inside `section` if that is given, otherwise inside `file`. */
  readonly offset?: number;
}

/** Prints a place the way all messages begin: `file: section+0x10`. Empty when nothing is known. */
export function formatPlace(place: Place): string {
  const at = place.offset === undefined ? "" : `+0x${place.offset.toString(16)}`;
  const inside = place.section === undefined ? at.replace(/^\+/, "offset ") : `${place.section}${at}`;
  return [place.file, inside].filter((part) => part !== undefined && part !== "").join(": ");
}

/** Base class of every error that Bindery throws on purpose. */
export class BinderyError<Code extends string = string> extends Error {
  override readonly name: string = "BinderyError";
  /** Stable identifier of the kind of failure; never localized, never reworded. */
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Kinds of {@link ElfError}. */
export type ElfErrorCode =
  /** Not an ELF file or `ar` archive at all. */
  | "ELF_BAD_MAGIC"
  /** Class, data encoding or version that ELF does not define. */
  | "ELF_BAD_IDENT"
  /** A header, table or string runs past the end of what holds it. */
  | "ELF_TRUNCATED"
  /** A field holds a value that contradicts another one or the specification. */
  | "ELF_BAD_VALUE"
  /** An index, link or name that points at nothing. */
  | "ELF_BAD_REFERENCE"
  /** A compressed section or file that can't be decompressed. */
  | "ELF_BAD_COMPRESSION"
  /** A walk that came back to where it was, or went past its bound. */
  | "ELF_LOOP"
  /** Valid ELF that asks for something Bindery does not do. */
  | "ELF_UNSUPPORTED"
  /** An edit that the image can't hold. */
  | "ELF_BAD_EDIT";

/** Malformed or unsupported ELF input; `place` says where. */
export class ElfError extends BinderyError<ElfErrorCode> {
  override readonly name = "ElfError";
  readonly place: Place;

  constructor(code: ElfErrorCode, place: Place, what: string, options?: ErrorOptions) {
    const where = formatPlace(place);
    super(code, where === "" ? what : `${where}: ${what}`, options);
    this.place = place;
  }
}

/** Kinds of {@link DwarfError}. */
export type DwarfErrorCode =
  /** A header, table, entry or string runs past the end of what holds it. */
  | "DWARF_TRUNCATED"
  /** A field holds a value that contradicts another one or the specification. */
  | "DWARF_BAD_VALUE"
  /** An offset, code or index that points at nothing. */
  | "DWARF_BAD_REFERENCE"
  /** A version, form or kind that Bindery does not know. */
  | "DWARF_UNSUPPORTED"
  /** A relocation whose type is unknown or illegal where it stands. */
  | "DWARF_BAD_RELOCATION"
  /** References that lead back to where they began. */
  | "DWARF_LOOP"
  /** What is in another file, a split or supplementary one, that nobody gave. */
  | "DWARF_MISSING_FILE"
  /** An address that depends on where a section is placed, and nobody said where. */
  | "DWARF_RELOCATION_REQUIRED";

/** Malformed DWARF, or DWARF that can't be read or written as asked; `place` says where. */
export class DwarfError extends BinderyError<DwarfErrorCode> {
  override readonly name: string = "DwarfError";
  readonly place: Place;

  constructor(code: DwarfErrorCode, place: Place, what: string) {
    const where = formatPlace(place);
    super(code, where === "" ? what : `${where}: ${what}`);
    this.place = place;
  }
}

/** A final address was asked for where only a relocatable one is known: no resolver places the section it refers to. */
export class RelocationRequiredError extends DwarfError {
  override readonly name = "RelocationRequiredError";

  constructor(place: Place, target: string) {
    super("DWARF_RELOCATION_REQUIRED", place, `value requires relocation: it counts from ${target}`);
  }
}

/** Kinds of {@link DwflError}. */
export type DwflErrorCode =
  /** A module's file is not there, or another one is in its place. */
  | "DWFL_NO_FILE"
  /** A module's place is asked for, and nobody said where it is. */
  | "DWFL_NOT_PLACED"
  /** A request that contradicts itself or the session. */
  | "DWFL_BAD_ARGUMENT"
  /** A process, core file or kernel that does not say what modules it has. */
  | "DWFL_NO_MODULES"
  /** The session was closed. */
  | "DWFL_CLOSED";

/** What a session or a module of one can't answer; `module` says which. */
export class DwflError extends BinderyError<DwflErrorCode> {
  override readonly name = "DwflError";
  /** Name of the module, process, core file or kernel. */
  readonly module: string;

  constructor(code: DwflErrorCode, module: string, what: string, options?: ErrorOptions) {
    super(code, module === "" ? what : `${module}: ${what}`, options);
    this.module = module;
  }
}

/** A call into the operating system or the dynamic loader that was refused. */
export class HostError extends BinderyError<"HOST_SYSCALL" | "HOST_LOADER" | "HOST_UNSUPPORTED"> {
  override readonly name = "HostError";
  /** The call that failed, e.g. `mmap`. */
  readonly call: string;
  /** The C library's error number, where the call has one. */
  readonly errno: number | undefined;

  constructor(
    code: "HOST_SYSCALL" | "HOST_LOADER" | "HOST_UNSUPPORTED",
    call: string,
    what: string,
    errno?: number,
  ) {
    super(code, `${call}: ${what}`);
    this.call = call;
    this.errno = errno;
  }
}

/** Kinds of {@link DlbindError}; each says what was wrong with the request. */
export type DlbindErrorCode =
  | "DLBIND_BAD_ARGUMENT"
  | "DLBIND_NO_BACKING"
  | "DLBIND_DELETED"
  | "DLBIND_STILL_REFERENCED"
  | "DLBIND_NO_SPACE"
  | "DLBIND_TABLE_FULL"
  | "DLBIND_FREED"
  | "DLBIND_NOT_ALLOCATED"
  | "DLBIND_OUTSIDE"
  | "DLBIND_DUPLICATE"
  | "DLBIND_NOT_BOUND"
  | "DLBIND_UNKNOWN_VERSION"
  | "DLBIND_UNSUPPORTED";

/** A request to a live object that was refused; the object is as it was before the request. */
export class DlbindError extends BinderyError<DlbindErrorCode> {
  override readonly name = "DlbindError";
  /** Name of the live object. */
  readonly object: string;

  constructor(code: DlbindErrorCode, object: string, what: string, options?: ErrorOptions) {
    super(code, `${object}: ${what}`, options);
    this.object = object;
  }
}

/** Kinds of {@link DynldError}. */
export type DynldErrorCode =
  /** Not a loadable module, or one for another machine than asked for. */
  | "DYNLD_BAD_MAGIC"
  /** A header, table or string runs past the end of what holds it. */
  | "DYNLD_TRUNCATED"
  /** A field holds a value that contradicts another one or the format. */
  | "DYNLD_BAD_VALUE"
  /** A relocation of an unknown kind, of something that is not there, or at a place outside the image. */
  | "DYNLD_BAD_RELOCATION"
  /** A value that the field it belongs in can't hold. */
  | "DYNLD_OVERFLOW"
  /** A well-formed module that asks for something Bindery does not do. */
  | "DYNLD_UNSUPPORTED"
  /** The image is as large as the limit or larger. */
  | "DYNLD_TOO_BIG"
  /** There is no memory for the module. */
  | "DYNLD_NO_MEMORY"
  /** The module needs a symbol that the table does not have. */
  | "DYNLD_UNDEFINED_SYMBOL"
  /** A symbol has another type than who uses it expects. */
  | "DYNLD_SIGNATURE_MISMATCH"
  /** A symbol without a signature where the policy wants one. */
  | "DYNLD_UNCHECKED_SYMBOL"
  /** A name that is defined twice. */
  | "DYNLD_DUPLICATE"
  /** A type that has no signature. */
  | "DYNLD_BAD_TYPE"
  /** A request that contradicts itself. */
  | "DYNLD_BAD_ARGUMENT"
  /** The module was freed. */
  | "DYNLD_FREED"
  /** The module runs, or others use what it exports. */
  | "DYNLD_IN_USE";

/** What a {@link DynldError} says besides its message. */
export interface DynldErrorDetails extends ErrorOptions {
  /** The loader's short error string, where it has one of its own. */
  readonly errstr?: string;
  /** The symbol that it is about. */
  readonly symbol?: string;
  /** Everything else that was found wrong at the same step. */
  readonly also?: readonly DynldError[];
}

/** A module that can't be loaded, or a request to one that was refused; nothing of it is left behind. */
export class DynldError extends BinderyError<DynldErrorCode> {
  override readonly name = "DynldError";
  readonly place: Place;
  /** What the seed's loader says: of an Inferno module, the words of Inferno's own. */
  readonly errstr: string;
  /** The symbol that it is about. */
  readonly symbol: string | undefined;
  /** What else was wrong at the same step: of undefined symbols, the others. */
  readonly also: readonly DynldError[];

  constructor(code: DynldErrorCode, place: Place, what: string, details: DynldErrorDetails = {}) {
    const where = formatPlace(place);
    super(code, where === "" ? what : `${where}: ${what}`, details);
    this.place = place;
    this.errstr = details.errstr ?? what;
    this.symbol = details.symbol;
    this.also = details.also ?? [];
  }
}

/** What a call of the run-time linker's interface can fail with: `rd_err_e` of rtld_db.h, without `RD_OK`. */
export type RtldErrorCode =
  /** Something else: a damaged link map, a request that contradicts itself. */
  | "RD_ERR"
  /** What controls the process could not do what was asked of it. */
  | "RD_DBERR"
  /** Not to be had from this run-time linker. */
  | "RD_NOCAPAB"
  /** The process does not say where its run-time linker is. */
  | "RD_NOBASE"
  /** The program is not linked dynamically. */
  | "RD_NODYNAM"
  /** The link maps are not there yet, or are being changed. */
  | "RD_NOMAPS";

/** What can't be known of a process's run-time linker. */
export class RtldError extends BinderyError<RtldErrorCode> {
  override readonly name = "RtldError";
  /** The process or core file. */
  readonly process: string;

  constructor(code: RtldErrorCode, process: string, what: string) {
    super(code, `${process}: ${what}`);
    this.process = process;
  }
}

/** What can go wrong between a debugger and the stub that controls a process for it. */
export type RemoteErrorCode =
  /** Text that names no stub. */
  | "RSP_ADDRESS"
  /** No connection could be made. */
  | "RSP_CONNECT"
  /** The stub closed the connection, or it was closed after an error before. */
  | "RSP_CLOSED"
  /** No answer in time. */
  | "RSP_TIMEOUT"
  /** A packet came damaged. */
  | "RSP_DAMAGED"
  /** An answer that the protocol does not have there. */
  | "RSP_BAD_REPLY"
  /** The stub answered with an error. */
  | "RSP_REFUSED"
  /** The stub can't do what is needed. */
  | "RSP_UNSUPPORTED";

/** What went wrong between a debugger and a stub. */
export class RemoteError extends BinderyError<RemoteErrorCode> {
  override readonly name = "RemoteError";
  /** The stub, by its address. */
  readonly stub: string;

  constructor(code: RemoteErrorCode, stub: string, what: string) {
    super(code, `${stub}: ${what}`);
    this.stub = stub;
  }
}

/** What can be wrong with assembly text. */
export type AsmErrorCode =
  /** A character, number or operand that is not assembly text. */
  | "ASM_SYNTAX"
  /** No x86-64 instruction of that name. */
  | "ASM_UNKNOWN_MNEMONIC"
  /** The instruction exists, but not with these operands. */
  | "ASM_NO_ENCODING"
  /** The operands leave the size of a memory access open. */
  | "ASM_AMBIGUOUS"
  /** A value or a branch target that its field can't hold. */
  | "ASM_RANGE"
  /** A name that is neither a label of the text nor known to the resolver. */
  | "ASM_UNDEFINED"
  /** A label that the text defines twice. */
  | "ASM_DUPLICATE";

/** Assembly text that has no machine code; `line` and `token` say where. */
export class AsmError extends BinderyError<AsmErrorCode> {
  override readonly name = "AsmError";
  /** Line of the text, from 1. */
  readonly line: number;
  /** The part of the line that was not understood, as it was written. */
  readonly token: string;

  constructor(code: AsmErrorCode, line: number, token: string, what: string, options?: ErrorOptions) {
    super(code, `line ${line}: ${token}: ${what}`, options);
    this.line = line;
    this.token = token;
  }
}
