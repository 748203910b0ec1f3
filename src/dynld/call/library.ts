/** Shared libraries of the running process, called by what their debug information says. */

import type { FindOptions } from "../../dwfl/find/find.ts";
import { DynldError, HostError } from "../../errors.ts";
import { dlclose, dlopen, dlsym, type Handle, linkMapOf, RTLD_LOCAL, RTLD_NOW } from "../../host/dl.ts";
import type { CType } from "../ctype.ts";
import { copiedByProgram } from "../library-symbols.ts";
import type { ExportedSymbol } from "../signature/exported.ts";
import { TypedFile } from "../signature/typed-file.ts";
import { type AnyExports, Bindings, type BoundSymbol, type ExportsShape } from "./bindings.ts";
import { freed } from "./call-types.ts";
import type { NativeType } from "./native-type.ts";

/** Where to look for debug information. */
export interface LibraryOptions extends FindOptions {}

/** A shared library that the process has open. It belongs to the thread that opened it. */
export class Library<E extends ExportsShape = AnyExports> implements Disposable {
  /** Its file. */
  readonly path: string;
  readonly #handle: Handle;
  readonly #file: TypedFile;
  readonly #bindings: Bindings<E>;
  #closed = false;

  /** {@link openLibrary} makes them. */
  constructor(handle: Handle, file: TypedFile) {
    this.path = file.path;
    this.#handle = handle;
    this.#file = file;
    this.#bindings = new Bindings<E>(file.path, symbolsOf(handle, file));
  }

  /** Where its debug information is. */
  get debugPath(): string | undefined {
    return this.#file.debugPath;
  }

  /** Its functions. What can't be called throws why when it is called. */
  get fn(): E["fn"] {
    return this.#bindings.fn;
  }

  /** Its variables: reading one reads memory, assigning writes it; of thread-local ones this thread's. */
  get data(): E["data"] {
    return this.#bindings.data;
  }

  /**
   * A type that something exported is made of, by its name in C: `struct point`, `point_t`, `unsigned long`, `char *`;
   * or a type that has no name, as functions that are parameters.
   * @throws ArgumentError when there is none
   */
  type(type: string | CType): NativeType {
    return this.#bindings.type(type);
  }

  /**
   * Lets the library go; it stays loaded if others have it open. Its functions throw from then on. Twice is harmless.
   * @throws DynldError DYNLD_IN_USE in a callback of a call that has not returned
   */
  close(): void {
    if (this.#closed) return;
    const { activeCalls } = this.#bindings;
    if (activeCalls > 0) {
      throw new DynldError(
        "DYNLD_IN_USE",
        { file: this.path },
        `close: ${activeCalls} calls have not returned`,
      );
    }
    this.#closed = true;
    this.#bindings.end(freed(this.path));
    this.#file.close();
    dlclose(this.#handle);
  }

  /** As {@link close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a shared library, and calls it by the types in its debug information: its own, that of a separate file, or what
 * debuginfod has. `E` is what `bindery dts` declares of it.
 * @param name a path, or what the loader finds: `libz.so.1`
 * @throws DynldError DYNLD_BAD_ARGUMENT when there is no such library, DYNLD_UNSUPPORTED when nothing tells its types;
 *   the reason of the options' signal
 */
export async function openLibrary<E extends ExportsShape = AnyExports>(
  name: string,
  options: LibraryOptions = {},
): Promise<Library<E>> {
  const handle = openHandle(name);
  let file: TypedFile | undefined;
  try {
    const path = linkMapOf(handle).name;
    file = await TypedFile.open(path, { path, ...options });
    if (file.types === undefined) {
      const what = "found no debug information: not in it, not in a separate file, not on a server";
      throw new DynldError("DYNLD_UNSUPPORTED", { file: path }, what);
    }
    return new Library<E>(handle, file);
  } catch (error) {
    file?.close();
    dlclose(handle);
    throw error;
  }
}

function openHandle(name: string): Handle {
  try {
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
  } catch (cause) {
    if (!(cause instanceof HostError)) throw cause;
    throw new DynldError("DYNLD_BAD_ARGUMENT", { file: name }, `no such library: ${cause.message}`, {
      cause,
    });
  }
}

/** Exports as the loader knows them: it runs the resolvers of indirect functions. */
function symbolsOf(handle: Handle, file: TypedFile): BoundSymbol[] {
  return file.exports.map((exported) => new LibrarySymbol(handle, file, exported));
}

class LibrarySymbol implements BoundSymbol {
  readonly name: string;
  readonly kind: "function" | "variable";
  readonly #handle: Handle;
  readonly #file: TypedFile;
  readonly #exported: ExportedSymbol;

  constructor(handle: Handle, file: TypedFile, exported: ExportedSymbol) {
    this.name = exported.name;
    this.kind = exported.kind;
    this.#handle = handle;
    this.#file = file;
    this.#exported = exported;
  }

  get address(): bigint {
    const address = dlsym(this.#handle, this.name);
    if (address !== undefined) {
      return this.kind === "variable" ? (copiedByProgram(this.name) ?? address) : address;
    }
    const what = `${this.name}: the loader does not find it`;
    throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: this.#file.path }, what, { symbol: this.name });
  }

  get type(): CType | undefined {
    return this.#file.typeOf(this.#exported)?.type;
  }
}
