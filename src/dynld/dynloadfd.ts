/** `dynloadfd`: modules from open files. [seed: dynld] */
import { DynldError } from "../errors.ts";
import { readDescriptor, seekDescriptor } from "../host/descriptor.ts";
import { type DynloadOptions, dynloadgen } from "./dynload.ts";
import type { Dynobj } from "./dynobj.ts";
import type { DynsymEnd, DynsymLike } from "./dynsym.ts";

/**
 * Loads the module that the open file `fd` stands at, as `dynloadgen` does. The file's offset is behind the module then.
 *
 * @throws DynldError where the seed returns nil and sets the error string, which is its `errstr`; HostError if `fd` can't
 * be read or has no offset. The file's offset is as it was then.
 */
export function dynloadfd(
  fd: number,
  exports: readonly (DynsymLike | DynsymEnd)[],
  nexport: number,
  maxsize: number,
  options: DynloadOptions = {},
): Dynobj {
  let failure: DynldError | undefined;
  const keep = (_errstr: string, error: DynldError): void => {
    failure = error;
  };
  const named = { name: `descriptor ${fd}`, ...options };
  const loaded = dynloadgen(fd, readDescriptor, seekDescriptor, keep, exports, nexport, maxsize, named);
  if (loaded === undefined) throw failure ?? new DynldError("DYNLD_BAD_VALUE", {}, "found no module");
  return loaded;
}
