/** The examples of docs/loading.md, run as they stand. */
import { describeGuide } from "./guide.ts";

describeGuide("loading");
