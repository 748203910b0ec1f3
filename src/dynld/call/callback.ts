/** JavaScript functions that native code calls, as long as they are wanted. */

import { DynldError } from "../../errors.ts";
import type { NativeCallback } from "../../host/callback.ts";
import { callbackFor, type NativeFunction } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
import type { CFunction } from "../ctype.ts";
import { noteFunction } from "./function-address.ts";
import type { CallbackForm, ValueModel } from "./model.ts";
import { incoming, outgoing } from "./transfer.ts";
import { unsupported } from "./unsupported.ts";
import { callbackWrapper } from "./wrapper.ts";

/**
 * A JavaScript function at an address. It stands for a pointer to a function wherever one is taken, and lives until it is
 * released; native code must not call it then. Only the thread that made it may call it; from others, calls wait for
 * the event loop.
 */
export class Callback implements Disposable {
  readonly #native: NativeCallback;
  #released = false;

  /** @throws HostError when there are too many, 8192 in the process */
  constructor(native: NativeCallback, type: CFunction) {
    this.#native = native;
    noteFunction(this, type, () => this.address);
  }

  /** @throws DynldError DYNLD_FREED once released */
  get address(): bigint {
    if (this.#released) throw new DynldError("DYNLD_FREED", {}, "the callback was released");
    return this.#native.address;
  }

  /** Ends it. Twice is harmless. */
  release(): void {
    this.#released = true;
    this.#native.release();
  }

  /** As {@link release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** How native code calls functions of a type. @throws DynldError DYNLD_UNSUPPORTED */
export function callbackForm(model: ValueModel, type: CFunction): CallbackForm {
  const name = declaration(type);
  if (type.isVariadic) throw unsupported("callback", type, "which takes more arguments than it declares");
  const parameters = type.parameters.map((parameter, index) =>
    incoming(model, parameter.type, `callback: parameter ${index + 1}`, false),
  );
  const where = `callback ${name}: result`;
  const isVoid = valueKind(type.result).kind === "void";
  const result = isVoid ? undefined : outgoing(model, type.result, "unknown", where);
  const wrapped = new WeakMap<object, NativeFunction>();
  let wrap: ReturnType<typeof callbackWrapper> | undefined;
  return {
    signature: {
      result: result?.shape ?? "void",
      parameters: parameters.map(({ shape }) => shape),
    },
    wrap: (action) => {
      let native = wrapped.get(action);
      if (native === undefined) {
        wrap ??= callbackWrapper({ parameters, result, where });
        native = wrap(action);
        wrapped.set(action, native);
      }
      return native;
    },
  };
}

/** Makes a callback. @throws HostError when there are too many */
export function makeCallback(
  form: CallbackForm,
  type: CFunction,
  action: (...args: never[]) => unknown,
): Callback {
  return new Callback(callbackFor(form.wrap(action), form.signature), type);
}
