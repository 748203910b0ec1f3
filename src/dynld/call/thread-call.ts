/** Calls that another thread makes, so that the program goes on meanwhile. */
import { compileFunction } from "node:vm";
import { callInThread, type NativeFunction, type NativeShape } from "../../host/typed.ts";
import { ArgumentError } from "./argument-error.ts";
import { zeroOf } from "./callback-errors.ts";
import { Memory } from "./memory.ts";
import type { Outgoing } from "./transfer-form.ts";
import { miscounted, type WrapperPlan } from "./wrapper.ts";

/** What each callable does in another thread. */
const calls = new WeakMap<object, ThreadCall>();
/** What native code of other threads has the addresses of. */
const inFlight = new Set<readonly unknown[]>();

/** Calls that are with other threads at once: more than these are, and not so many that there is no room for their stacks. */
const MOST = 128;
let taken = 0;
/** What starts the calls that wait for others to end, in their order. */
const waiting: (() => void)[] = [];

type ThreadCall = (args: readonly unknown[]) => Promise<unknown>;

/**
 * Calls a native function in another thread: `await callAsync(library.fn.compress, into, from)`. Arguments are
 * checked and converted as by a call, and what they lead to is kept until it is over; who changes it meanwhile races with
 * native code. Functions among them are called by this thread between other things that it does; what one throws, the
 * promise is rejected with, and native code gets 0 from then on. The module or library refuses to go until all is over.
 * @param fn one of `fn` of a module or library, or what its `with` and `as` gave
 * @throws ArgumentError when it is none; all else rejects the promise
 */
export function callAsync<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<R> {
  const call = calls.get(fn);
  if (call === undefined) throw new ArgumentError("callAsync", "found no native function, expected one");
  return call(args) as Promise<R>;
}

/** Notes how a callable is called in another thread. @param plan throws why it can't be called */
export function noteThreadCall(
  callable: object,
  plan: () => WrapperPlan,
  native: () => NativeFunction,
): void {
  let call: ThreadCall | undefined;
  calls.set(callable, async (args) => {
    call ??= threadCall(plan(), native);
    return call(args);
  });
}

/** What the first function that threw has thrown. */
interface Failure {
  thrown?: { readonly error: unknown };
}

function threadCall(plan: WrapperPlan, native: () => NativeFunction): ThreadCall {
  const { parameters, result, scope } = plan;
  const tests = parameters.map(({ transfer }) => testOf(transfer));
  return async (args) => {
    if (args.length !== parameters.length) throw miscounted(plan, args.length);
    const failure: Failure = {};
    const given: unknown[] = parameters.map(({ where, transfer }, index) => {
      const arg = args[index];
      const value = tests[index]?.(arg) === true ? arg : transfer.convert(arg, where);
      const { shape } = transfer;
      const isFunction = typeof value === "function" && typeof shape === "object" && "parameters" in shape;
      return isFunction ? guarded(value as NativeFunction, shape.result, failure) : value;
    });
    const memory = result.form === "through memory" ? Memory.allocateSmall(result.size ?? 0) : undefined;
    if (memory !== undefined) given.unshift(memory.native);
    const kept = [args, given, memory];
    inFlight.add(kept);
    scope.active++;
    let raw: unknown;
    try {
      if (taken < MOST) taken++;
      else await new Promise<void>((start) => waiting.push(start));
      raw = await new Promise<unknown>((resolve, reject) => {
        callInThread(native(), given, (error, value) => {
          if (error === null || error === undefined) resolve(value);
          else reject(error);
        });
      });
    } finally {
      letNextBegin();
      scope.active--;
      inFlight.delete(kept);
    }
    if (failure.thrown !== undefined) throw failure.thrown.error;
    switch (result.form) {
      case "through memory":
        return result.convert(memory);
      case "converted":
        return result.convert(raw);
      case "wide":
        return typeof raw === "number" ? BigInt(raw) : raw;
      default:
        return raw;
    }
  };
}

/** Lets the call that has waited longest begin. */
function letNextBegin(): void {
  const next = waiting.shift();
  if (next === undefined) taken--;
  else next();
}

/** Whether a value can go as it is; `undefined` when all are converted. */
function testOf({ test, accepts }: Outgoing): ((value: unknown) => boolean) | undefined {
  if (accepts !== undefined) return (value) => value instanceof accepts;
  if (test === undefined) return undefined;
  return compileFunction(`return ${test.replaceAll("$", "value")};`, ["value"]) as (
    value: unknown,
  ) => boolean;
}

/** A function that throws nothing: what it has thrown is told at the end. */
function guarded(action: NativeFunction, result: NativeShape, failure: Failure): NativeFunction {
  return (...args) => {
    if (failure.thrown !== undefined) return zeroOf(result);
    try {
      return action(...args);
    } catch (error) {
      failure.thrown = { error };
      return zeroOf(result);
    }
  };
}
