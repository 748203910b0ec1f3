/**
 * The C names of libdlbind, over {@link LiveObject}. [seed: libdlbind]
 *
 * A handle is the object itself, an address a `bigint`. Where the C library returns NULL and a message, these throw. A
 * handle that was deleted throws `DLBIND_DELETED`; what no `dlcreate` made throws `DLBIND_BAD_ARGUMENT`.
 */
import { DlbindError } from "../errors.ts";
import * as dl from "../host/dl.ts";
import type { BoundSymbol } from "./binder.ts";
import { LiveObject } from "./library.ts";
import type { BindOptions, CreateOptions } from "./options.ts";

export { type AddressInfo, dladdr, RTLD_DEFAULT } from "../host/dl.ts";

function object(handle: LiveObject): LiveObject {
  if (!(handle instanceof LiveObject)) {
    throw new DlbindError(
      "DLBIND_BAD_ARGUMENT",
      String(handle),
      "unknown handle: expected one that dlcreate returned",
    );
  }
  return handle;
}

/** Creates a live object. */
export function dlcreate(name: string, options?: CreateOptions): LiveObject {
  return LiveObject.create(name, options);
}

/** Allocates `size` bytes in the segment that the `SHF_` flags name. @returns the address */
export function dlalloc(handle: LiveObject, size: number, flags: number, align?: number): bigint {
  return object(handle).alloc(size, flags, align === undefined ? {} : { align }).address;
}

/** Changes the size of the allocation at `address`, moving it if it must. @returns the address it has then */
export function dlrealloc(handle: LiveObject, address: bigint, size: number): bigint {
  const allocation = object(handle).allocationAt(address);
  allocation.resize(size);
  return allocation.address;
}

/** Frees the allocation at `address`. */
export function dlfree(handle: LiveObject, address: bigint): void {
  object(handle).allocationAt(address).free();
}

/** Binds `name` to `size` bytes at `address`, as an `STT_` type. @returns the handle, as dlbind does */
export function dlbind(
  handle: LiveObject,
  name: string,
  address: bigint,
  size: number,
  type: number,
  options: Omit<BindOptions, "size" | "type"> = {},
): LiveObject {
  object(handle).bind(name, address, { ...options, size, type });
  return handle;
}

/** Unbinds a name. */
export function dlunbind(handle: LiveObject, name: string, version?: string): void {
  object(handle).unbind(name, version === undefined ? {} : { version });
}

/** Tells debuggers and profilers what changed. @returns the handle: nothing has to be opened again */
export function dlreload(handle: LiveObject): LiveObject {
  object(handle).publish();
  return handle;
}

/** Deletes the object. */
export function dldelete(handle: LiveObject): void {
  object(handle).delete();
}

/** The symbol of that name by the object's own tables; `undefined` when it is not bound. */
export function dldsym(handle: LiveObject, name: string, version?: string): BoundSymbol | undefined {
  return object(handle).symbol(name, version === undefined ? {} : { version });
}

/** dlsym(3): what the loader finds, in a live object or with a handle of the loader. */
export function dlsym(handle: LiveObject | bigint, name: string): bigint | undefined {
  return dl.dlsym(typeof handle === "bigint" ? handle : object(handle).handle, name);
}

/** dlvsym(3) */
export function dlvsym(handle: LiveObject | bigint, name: string, version: string): bigint | undefined {
  return dl.dlvsym(typeof handle === "bigint" ? handle : object(handle).handle, name, version);
}
