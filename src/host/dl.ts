/**
 * The C library's dynamic loader: dlopen(3), dlsym(3), dladdr(3) and the link map behind a handle.
 */
import { HostError } from "../errors.ts";
import { callableAt, type NativeInteger, nativeFunction, nativeView, toAddress } from "./ffi.ts";

// Values of glibc's and musl's <dlfcn.h>.
export const RTLD_LAZY = 1;
export const RTLD_NOW = 2;
const RTLD_NOLOAD = 4;
export const RTLD_LOCAL = 0;
export const RTLD_GLOBAL = 0x100;
const RTLD_DI_TLS_MODID = 9;
/** Handle for the default search order. */
export const RTLD_DEFAULT = 0n;

/** An open object, as dlopen(3) gave it. In glibc and musl it is the address of its `struct link_map`. */
export type Handle = bigint;

const c = {
  dlopen: nativeFunction<(path: string | null, flags: number) => NativeInteger>(
    "uintptr_t dlopen(const char *path, int flags)",
  ),
  dlclose: nativeFunction<(handle: Handle) => number>("int dlclose(uintptr_t handle)"),
  dlsym: nativeFunction<(handle: Handle, name: string) => NativeInteger>(
    "uintptr_t dlsym(uintptr_t handle, const char *name)",
  ),
  dlvsym: nativeFunction<(handle: Handle, name: string, version: string) => NativeInteger>(
    "uintptr_t dlvsym(uintptr_t handle, const char *name, const char *version)",
  ),
  dladdr: nativeFunction<(address: bigint, info: Uint8Array) => number>(
    "int dladdr(uintptr_t address, _Out_ uint8_t *info)",
  ),
  dlinfo: nativeFunction<(handle: Handle, request: number, info: Uint8Array) => number>(
    "int dlinfo(uintptr_t handle, int request, _Out_ uint8_t *info)",
  ),
  dlerror: nativeFunction<() => string | null>("const char *dlerror(void)"),
  strlen: nativeFunction<(text: bigint) => number>("size_t strlen(uintptr_t text)"),
};

/** Opens a shared object. The caller closes the handle. @throws HostError with the loader's own words. */
export function dlopen(path: string | null, flags: number): Handle {
  const handle = toAddress(c.dlopen(path, flags));
  if (handle === 0n) throw new HostError("HOST_LOADER", "dlopen", c.dlerror() ?? `${path}: no reason given`);
  return handle;
}

/** True when an object of that path is loaded now. Takes no lasting reference. */
export function isLoaded(path: string): boolean {
  const handle = toAddress(c.dlopen(path, RTLD_LAZY | RTLD_NOLOAD));
  if (handle === 0n) {
    c.dlerror();
    return false;
  }
  c.dlclose(handle);
  return true;
}

/** Gives back one reference. */
export function dlclose(handle: Handle): void {
  if (c.dlclose(handle) !== 0)
    throw new HostError("HOST_LOADER", "dlclose", c.dlerror() ?? "no reason given");
}

/** Address that the loader finds for a name, or `undefined`. A symbol whose value is 0 counts as not found. */
export function dlsym(handle: Handle, name: string): bigint | undefined {
  const address = toAddress(c.dlsym(handle, name));
  return address === 0n ? undefined : address;
}

/** As {@link dlsym}, for one version of the name. */
export function dlvsym(handle: Handle, name: string, version: string): bigint | undefined {
  const address = toAddress(c.dlvsym(handle, name, version));
  return address === 0n ? undefined : address;
}

/** The number that `__tls_get_addr` knows an object's thread-local variables by; 0 of one that has none. @throws HostError */
export function threadModule(handle: Handle): bigint {
  const info = new BigUint64Array(1);
  if (c.dlinfo(handle, RTLD_DI_TLS_MODID, new Uint8Array(info.buffer)) === 0) return info[0] ?? 0n;
  throw new HostError("HOST_LOADER", "dlinfo", c.dlerror() ?? "no reason given");
}

/** Where a thread-local variable of this thread is, by the number of its object and its offset there. @throws HostError */
export function threadAddress(module: bigint, offset: number): bigint {
  const find = dlsym(RTLD_DEFAULT, "__tls_get_addr");
  if (find === undefined)
    throw new HostError("HOST_LOADER", "dlsym", "found no __tls_get_addr, expected one");
  const index = BigUint64Array.of(module, BigInt(offset));
  return toAddress(
    callableAt(find, "uintptr_t find(_In_ uint8_t *index)")(new Uint8Array(index.buffer)) as NativeInteger,
  );
}

/** `Dl_info` of dladdr(3): the object that holds an address, and the nearest symbol at or below it. */
export interface AddressInfo {
  /** Path of the object, as its link map has it. */
  readonly objectName: string;
  /** Lowest address at which the object is mapped. */
  readonly base: bigint;
  /** The symbol that covers the address; absent when none does. */
  readonly symbol: { readonly name: string; readonly address: bigint } | undefined;
}

/** What the loader says of an address; `undefined` when no object holds it. */
export function dladdr(address: bigint): AddressInfo | undefined {
  const info = new BigUint64Array(4);
  if (c.dladdr(address, new Uint8Array(info.buffer)) === 0) return undefined;
  const [path = 0n, base = 0n, name = 0n, symbol = 0n] = info;
  return {
    objectName: cString(path),
    base,
    symbol: name === 0n ? undefined : { name: cString(name), address: symbol },
  };
}

/** Reads a NUL-terminated string of this process; empty for a null pointer. */
function cString(address: bigint): string {
  if (address === 0n) return "";
  const length = c.strlen(address);
  return length === 0 ? "" : new TextDecoder().decode(new Uint8Array(nativeView(address, length)).slice());
}

/** The public part of `struct link_map` (<link.h>). */
export interface LinkMap {
  /** Difference between the addresses in the file and those in memory (`l_addr`). */
  readonly address: bigint;
  readonly name: string;
  /** Address of the dynamic section in memory (`l_ld`). */
  readonly dynamic: bigint;
}

/** The link-map entry behind a handle of {@link dlopen}. */
export function linkMapOf(handle: Handle): LinkMap {
  return readLinkMap(handle).map;
}

function readLinkMap(at: bigint): { map: LinkMap; next: bigint; previous: bigint } {
  const words = new BigUint64Array(nativeView(at, 40));
  const [address = 0n, name = 0n, dynamic = 0n, next = 0n, previous = 0n] = words;
  return { map: { address, name: cString(name), dynamic }, next, previous };
}

/** Every object of the main namespace, in the loader's order. */
export function linkMaps(): LinkMap[] {
  const main = dlopen(null, RTLD_LAZY);
  dlclose(main);
  const maps: LinkMap[] = [];
  for (let at = main; at !== 0n; ) {
    const entry = readLinkMap(at);
    maps.push(entry.map);
    at = entry.next;
  }
  return maps;
}
