/** Native functions as JavaScript ones, typed by what C declares. */

import { DynldError } from "../../errors.ts";
import { functionAt, type NativeFunction, type NativeSignature } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import type { CFunction, CType } from "../ctype.ts";
import { ArgumentError } from "./argument-error.ts";
import { noteFunction } from "./function-address.ts";
import type { ValueModel } from "./model.ts";
import { passedParameters, promoted } from "./promotion.ts";
import { misfit, parsePrototype } from "./prototype.ts";
import { noteThreadCall } from "./thread-call.ts";
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
  readonly type: CFunction;
  /** Where it is. @throws DynldError DYNLD_FREED once it is gone */
  readonly address: bigint;
  /**
   * The function with more parameters, of these types: for those that take `...`, or that were declared without any.
   * `fn.printf.with("int", "double")("%d %g\n", 1, 2.5)`. Types are promoted as C does.
   * @throws ArgumentError when there is no such type, or the function takes no more
   */
  with(...types: readonly (string | CType)[]): NativeCallable;
  /**
   * The function by a C prototype, whose name does not matter: `fn.printf.as("int (const char *, int)")("%d", 1)`. It must
   * be one that the function can be called by, as far as its declaration tells.
   * @throws DynldError DYNLD_BAD_ARGUMENT for what is no prototype, DYNLD_SIGNATURE_MISMATCH; ArgumentError for unknown types
   */
  as(prototype: string): NativeCallable;
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

/** A function that may go on at another address, or end. */
export interface UntypedHandle {
  readonly callable: (...args: unknown[]) => unknown;
  readonly type?: CFunction;
  /** Calls what is at another address from now on. */
  retarget(address: bigint): void;
  /** Throws an error from now on. */
  end(error: Error): void;
}

/** What a function is, and how long. */
export interface CallableHandle extends UntypedHandle {
  readonly callable: NativeCallable;
  readonly type: CFunction;
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
  const derived = new Derived();
  const text = declaration(type, name, { named: true });
  Object.defineProperties(call, {
    name: { value: name },
    declaration: { value: text, enumerable: true },
    type: { value: type },
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
        const wanted = types.map((one) => promoted(typeof one === "string" ? host.typeNamed(one) : one));
        return derived.add(makeCallable(host, name, type, at ?? 0n, wanted));
      },
    },
    as: {
      value: (prototype: string): NativeCallable => {
        if (ended !== undefined) throw ended;
        const wanted = prototypeFor(host, name, prototype, type);
        return derived.add(makeCallable(host, name, wanted, at ?? 0n));
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
      derived.retarget(next);
    },
    end: (error) => {
      ended = error;
      at = undefined;
      derived.end(error);
      built.retarget(() => {
        throw error;
      });
    },
  };
  noteFunction(call, type, () => handle.callable.address);
  host.opened(handle);
  return handle;
}

/** A callable for what has no type: it can be called by a prototype. */
export function makeUntyped(host: CallableHost, name: string, address: bigint): UntypedHandle {
  let at = address;
  let ended: Error | undefined;
  const derived = new Derived();
  const fail = untyped(name);
  const call = (): never => {
    if (ended !== undefined) throw ended;
    return fail();
  };
  const as = (prototype: string): NativeCallable => {
    if (ended !== undefined) throw ended;
    return derived.add(makeCallable(host, name, prototypeFor(host, name, prototype, undefined), at));
  };
  Object.defineProperties(call, { name: { value: name }, as: { value: as }, with: { value: fail } });
  return {
    callable: call,
    retarget: (next) => {
      at = next;
      derived.retarget(next);
    },
    end: (error) => {
      ended = error;
      derived.end(error);
    },
  };
}

/** Throws what there is to say of a symbol that has no type. */
export function untyped(name: string): () => never {
  return () => {
    const what = `${name}: found no debug information that tells its type, expected some`;
    throw new DynldError("DYNLD_UNSUPPORTED", {}, what, { symbol: name });
  };
}

/**
 * The type of a prototype that a function is to be called by.
 * @param declared where that is known
 * @throws as {@link NativeCallable.as} does
 */
function prototypeFor(
  host: CallableHost,
  name: string,
  prototype: string,
  declared: CFunction | undefined,
): CFunction {
  const { type } = parsePrototype(prototype, (one) => typeOrTag(host, one));
  const why = declared === undefined ? undefined : misfit(declared, type);
  if (declared === undefined || why === undefined) return type;
  const text = declaration(declared, name, { named: true });
  const what = `${name}: prototype ${JSON.stringify(prototype)}: ${why}, as it is ${text}`;
  throw new DynldError("DYNLD_SIGNATURE_MISMATCH", {}, what, { symbol: name });
}

/** A type by its name; a structure that nothing tells of is incomplete, as in C. */
function typeOrTag(host: CallableHost, name: string): CType {
  try {
    return host.typeNamed(name);
  } catch (error) {
    const [, keyword, tag] = /^(struct|union) (\w+)$/.exec(name) ?? [];
    if (!(error instanceof ArgumentError) || tag === undefined) throw error;
    const kind = keyword === "union" ? "union" : "struct";
    return { kind, keyword: kind, tag, size: undefined, isComplete: false, members: [] };
  }
}

/** Callables that were made of another, as long as they are there: they call what that one calls. */
class Derived {
  #handles: WeakRef<CallableHandle>[] = [];
  /** How many there are before those that are gone are looked for. */
  #crowded = 16;

  add(handle: CallableHandle): NativeCallable {
    if (this.#handles.length >= this.#crowded) {
      this.#handles = this.#handles.filter((one) => one.deref() !== undefined);
      this.#crowded = 2 * this.#handles.length + 16;
    }
    this.#handles.push(new WeakRef(handle));
    return handle.callable;
  }

  retarget(address: bigint): void {
    for (const one of this.#handles) one.deref()?.retarget(address);
  }

  end(error: Error): void {
    for (const one of this.#handles) one.deref()?.end(error);
  }
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
      throw unsupported(name, type, `${why}: name their types, by .with(types) or .as(prototype)`);
    }
    const known = passedParameters(type).map(({ name: own, type: of }) => ({ own, of }));
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
    const plan = { name, parameters, result, scope };
    let native = functionAt(address, signature);
    const { call, retarget } = wrap(plan, native);
    noteThreadCall(
      call,
      () => plan,
      () => native,
    );
    return {
      call,
      signature,
      retarget: (next) => {
        native = next;
        retarget(next);
      },
    };
  } catch (error) {
    let why = error;
    const fail = (): never => {
      throw why;
    };
    noteThreadCall(fail, fail, fail);
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
