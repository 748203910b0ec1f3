/** Errors of linking, and what a reader's errors are to who loads a module. */
import { DynldError, type DynldErrorCode, type DynldErrorDetails, ElfError } from "../../errors.ts";

/** An error at an offset in a section of a file. */
export function linkError(
  code: DynldErrorCode,
  file: string | undefined,
  section: string | undefined,
  offset: number | undefined,
  what: string,
  details: DynldErrorDetails = {},
): DynldError {
  const place = {
    ...(file === undefined ? {} : { file }),
    ...(section === undefined ? {} : { section }),
    ...(offset === undefined ? {} : { offset }),
  };
  return new DynldError(code, place, what, details);
}

const CODES: Readonly<Partial<Record<ElfError["code"], DynldErrorCode>>> = {
  ELF_BAD_MAGIC: "DYNLD_BAD_MAGIC",
  ELF_BAD_IDENT: "DYNLD_BAD_MAGIC",
  ELF_TRUNCATED: "DYNLD_TRUNCATED",
  ELF_UNSUPPORTED: "DYNLD_UNSUPPORTED",
};

/** Does something with a module's files: what is wrong with them is an error of the module. */
export function readingModule<T>(action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof ElfError)) throw cause;
    const code = CODES[cause.code] ?? "DYNLD_BAD_VALUE";
    throw new DynldError(code, {}, cause.message, { cause });
  }
}

/** Many errors of one step as one: the first, with the others. */
export function throwAll(errors: readonly DynldError[]): void {
  const [first, ...also] = errors;
  if (first === undefined) return;
  if (also.length === 0) throw first;
  throw new DynldError(first.code, {}, errors.map((error) => error.message).join("\n"), {
    errstr: first.errstr,
    ...(first.symbol === undefined ? {} : { symbol: first.symbol }),
    also,
  });
}
