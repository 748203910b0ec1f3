/** The examples of docs/dwfl.md, run as they stand. */
import { describeGuide } from "./guide.ts";

describeGuide("dwfl");
