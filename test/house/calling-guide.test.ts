/** The examples of docs/calling.md, run as they stand. */
import { describeGuide } from "./guide.ts";

describeGuide("calling");
