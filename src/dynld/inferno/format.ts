/** Inferno modules as one of the formats that the loader of the seed takes. */
import type { ModuleFormat } from "../dynobj.ts";
import { isInfernoModule } from "./header.ts";
import { InfernoModule } from "./module.ts";

/** Reads modules of 386, arm and power, and relocates them into an image in ordinary memory. */
export const INFERNO_FORMAT: ModuleFormat = {
  name: "Inferno module",
  recognizes: isInfernoModule,
  load: (stream, request) => InfernoModule.load(stream, request),
};
