/** The examples of docs/dwarf.md, run as they stand. */
import { describeGuide } from "./guide.ts";

describeGuide("dwarf");
