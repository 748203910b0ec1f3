/**
 * The hash of canonical texts: the first 64 bits of SHA-256 [FIPS 180-4] of their UTF-8 bytes, which every system has a
 * tool for.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeUtf8 } from "../../bytes/text.ts";

/** What stands for the one text in 2^64 whose hash would be 0: that is a signature which checks nothing. */
const INSTEAD_OF_NONE = "0000000000000001";

/** The hash of a text as 16 digits. */
export function digestOf(text: string): string {
  const hash = sha256(encodeUtf8(text));
  let digits = "";
  for (let i = 0; i < 8; i++) digits += (hash[i] ?? 0).toString(16).padStart(2, "0");
  return digits === "0000000000000000" ? INSTEAD_OF_NONE : digits;
}
