/** How load objects are called in what people read. */
import type { LoadObject } from "../rtld/index.ts";

/** Its name; of the kernel's library, which musl gives none, the one that it has itself. */
export function objectName({ name, soname }: Pick<LoadObject, "name" | "soname">): string {
  return name || soname;
}
