/** The examples of docs/rtld.md, run as they stand. */
import { describeGuide } from "./guide.ts";

describeGuide("rtld");
