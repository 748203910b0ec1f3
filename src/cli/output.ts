/** What commands that show files have in common: standard output in pieces, and errors as lines or data. */
import { BinderyError } from "../errors.ts";

/** An expected error as data. Others are defects and go on to where those are reported. */
export function describe(name: string, error: unknown): { code: string; message: string } {
  if (!(error instanceof BinderyError)) {
    throw error;
  }
  // `open: ENOENT: no such file or directory, open 'a.out'` says everything twice.
  const [, plain] = /^\w+: E[A-Z0-9]+: (.*), \w+(?: '.*')?$/.exec(error.message) ?? [];
  const said = plain ?? error.message.replace(`open: ${name}: `, "");
  return { code: error.code, message: said.includes(name) ? said : `${name}: ${said}` };
}

/** Standard output in larger pieces than lines. */
export class Output {
  #pending: string[] = [];
  #size = 0;

  line(text: string): void {
    this.write(`${text}\n`);
  }

  write(text: string): void {
    this.#pending.push(text);
    this.#size += text.length;
    if (this.#size > 1 << 16) {
      this.flush();
    }
  }

  flush(): void {
    if (this.#size > 0) {
      process.stdout.write(this.#pending.join(""));
      this.#pending = [];
      this.#size = 0;
    }
  }
}
