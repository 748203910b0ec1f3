/** Native functions as JavaScript ones, typed by what C declares. */

import { DynldError } from "../../errors.ts";
import { functionAt, type NativeFunction, type NativeSignature } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { bare, type CFunction, type CType } from "../ctype.ts";
import { ArgumentError } from "./argument-error.ts";
import { noteAddress } from "./function-address.ts";
import type { ValueModel } from "./model.ts";
import { incoming, outgoing } from "./transfer.ts";
import { unsupported } from "./unsupported.ts";
import { type CallScope, wrap } from "./wrapper.ts";

/**
 * A native function. Called with values of its parameters' types; anything else is an {@link ArgumentError} that names the
 * parameter, and nothing is called then. What can't be called says why in a DynldError `DYNLD_UNSUPPORTED`, when it is.
 */
export interface NativeCallable {
  (...args: unknown[]): unknown;
  /** As C declares it. */
  readonly declaration: string;
  /** Where it is. @throws DynldError DYNLD_FREED once it is gone */
  readonly address: bigint;
  /**
   * The function with more parameters, of these types: for those that take `...`, or that were declared without any.
   * `fn.printf.with("int", "double")("%d %g\n", 1, 2.5)`. Types are promoted as C does.
   * @throws ArgumentError when there is no such type, or the function takes no more
   */
  with(...types: readonly (string | CType)[]): NativeCallable;
}

/** What functions have in common that end at the same time. */
export interface CallableHost {
  readonly model: ValueModel;
  readonly scope: CallScope;
  /** A type by its name in C. @throws ArgumentError */
  typeNamed(name: string): CType;
  /** Takes note of a function that is to end. */
  opened(handle: CallableHandle): void;
}

/** What a function is, and how long. */
export interface CallableHandle {
  readonly callable: NativeCallable;
  readonly type: CFunction;
  /** Calls what is at another address from now on. */
  retarget(address: bigint): void;
  /** Throws an error from now on. */
  end(error: Error): void;
}

/**
 * A callable for the function at an address.
 * @param more types of parameters that the declaration has not
 */
export function makeCallable(
  host: CallableHost,
  name: string,
  type: CFunction,
  address: bigint,
  more: readonly CType[] | undefined = undefined,
): CallableHandle {
  let at: bigint | undefined = address;
  let ended: Error | undefined;
  const built = build(host, name, type, address, more);
  const { call } = built;
  const text = declaration(type, name, { named: true });
  Object.defineProperties(call, {
    name: { value: name },
    declaration: { value: text, enumerable: true },
    address: {
      enumerable: true,
      get: () => {
        if (ended !== undefined) throw ended;
        return at;
      },
    },
    with: {
      value: (...types: readonly (string | CType)[]): NativeCallable => {
        if (ended !== undefined) throw ended;
        if (type.isPrototyped && !type.isVariadic) {
          throw new ArgumentError(name, `found more parameters for ${text}, expected none`);
        }
        const wanted = types.map((one) =>
          promoted(host, typeof one === "string" ? host.typeNamed(one) : one),
        );
        return makeCallable(host, name, type, at ?? 0n, wanted).callable;
      },
    },
  });
  const handle: CallableHandle = {
    callable: call as NativeCallable,
    type,
    retarget: (next) => {
      if (ended !== undefined) return;
      at = next;
      if (built.signature !== undefined) built.retarget(functionAt(next, built.signature));
    },
    end: (error) => {
      ended = error;
      at = undefined;
      built.retarget(() => {
        throw error;
      });
    },
  };
  noteAddress(call, () => handle.callable.address);
  host.opened(handle);
  return handle;
}

/** A callable for what has no type. */
export function untyped(name: string): () => never {
  return () => {
    const what = `${name}: found no debug information that tells its type, expected some`;
    throw new DynldError("DYNLD_UNSUPPORTED", {}, what, { symbol: name });
  };
}

interface Built {
  readonly call: (...args: unknown[]) => unknown;
  readonly retarget: (native: NativeFunction) => void;
  /** `undefined` of what can't be called. */
  readonly signature: NativeSignature | undefined;
}

function build(
  { model, scope }: CallableHost,
  name: string,
  type: CFunction,
  address: bigint,
  more: readonly CType[] | undefined,
): Built {
  try {
    if (more === undefined && (type.isVariadic || !type.isPrototyped)) {
      const why = type.isVariadic ? "which takes more arguments than it declares" : "which has no prototype";
      throw unsupported(name, type, `${why}: name the types of the others by .with(...)`);
    }
    const known = type.parameters.map(({ name: own, type: of }) => ({ own, of }));
    const all = [...known, ...(more ?? []).map((of) => ({ own: undefined, of }))];
    const parameters = all.map(({ own, of }, index) => {
      const where = `${name}: parameter ${index + 1}${own === undefined ? "" : `, ${own}`}`;
      return { where, transfer: outgoing(model, of, "call", where) };
    });
    const result = incoming(model, type.result, `${name}: result`, true);
    const shapes = parameters.map(({ transfer }) => transfer.shape);
    const signature: NativeSignature = {
      result: result.shape,
      parameters: result.form === "through memory" ? ["pointer", ...shapes] : shapes,
    };
    const wrapper = wrap({ name, parameters, result, scope }, functionAt(address, signature));
    return { ...wrapper, signature };
  } catch (error) {
    let why = error;
    const fail = (): never => {
      throw why;
    };
    return {
      call: fail,
      retarget: (native) => {
        try {
          native();
        } catch (other) {
          why = other;
        }
      },
      signature: undefined,
    };
  }
}

/** As arguments without a parameter are. [C17 6.5.2.2] */
function promoted(host: CallableHost, type: CType): CType {
  const found = bare(type);
  const size = found.size ?? 0;
  if (found.kind === "base" && found.encoding === "float") return size < 8 ? host.typeNamed("double") : type;
  return (found.kind === "base" || found.kind === "enum") && size < 4 ? host.typeNamed("int") : type;
}
