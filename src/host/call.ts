/**
 * Calling native code by C prototype.
 */
export { callableAt, type NativeFunction as Callable } from "./ffi.ts";
