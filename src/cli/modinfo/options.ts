/** What `bindery modinfo` is asked for. */
import { InvalidArgumentError } from "commander";

/** As commander parses them. */
export interface ModinfoOptions {
  /** Address to relocate to. */
  readonly base?: bigint;
  /** File with the symbols that the module may import. */
  readonly symbols?: string;
  readonly maxsize?: number;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** An address: hexadecimal, with 0x or without, as addresses in symbol tables are. */
export function parseAddress(text: string): bigint {
  if (!/^(?:0x)?[0-9a-f]{1,16}$/i.test(text)) {
    throw new InvalidArgumentError("expected a hexadecimal address, such as 10000000 or 0x10000000");
  }
  return BigInt(`0x${text.replace(/^0x/i, "")}`);
}
