/** The examples of docs/dynld.md, run as they stand. */
import { dataPath } from "../dynld/inferno/expected.ts";
import { describeGuide } from "./guide.ts";

describeGuide("dynld", ["m3dev.arm", "host.syms", "host.h"].map(dataPath));
