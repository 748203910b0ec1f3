/** Shows modules, as text or JSON, or why they are refused. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type ByteSource, type Dynsym, parseSymbolTable } from "../../dynld/inferno/index.ts";
import { isArchive } from "../../elf/archive.ts";
import { DynldError, ElfError, formatPlace } from "../../errors.ts";
import { openArchive, openSource } from "../../host/file.ts";
import { readText } from "../files.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { jsonPieces } from "../json.ts";
import { complain } from "../message.ts";
import { describe, Output } from "../output.ts";
import { ELF_VIEWS } from "./elf.ts";
import type { ModinfoFormat, ModuleView } from "./format.ts";
import { INFERNO_VIEWS } from "./inferno.ts";
import type { ModinfoOptions } from "./options.ts";

/** The first one tells what is wrong with a file that is of none. */
const FORMATS: readonly [ModinfoFormat, ...ModinfoFormat[]] = [INFERNO_VIEWS, ELF_VIEWS];

/** A file that is open, or a member of an archive. */
interface OpenModule {
  readonly name: string;
  readonly source: ByteSource;
}

/** Shows modules; where there are several, each under its name. @returns the exit status: failure when any is refused */
export function showModules(files: readonly string[], options: ModinfoOptions): number {
  return new Show(options).run(files);
}

class Show {
  readonly #options: ModinfoOptions;
  readonly #out = new Output();
  #table: readonly Dynsym[] = [];
  /** In JSON, what is printed at the end. */
  readonly #documents: unknown[] = [];
  #status = EXIT_OK;

  constructor(options: ModinfoOptions) {
    this.#options = options;
  }

  run(files: readonly string[]): number {
    const { symbols, json } = this.#options;
    if (symbols !== undefined)
      this.#orTell(symbols, () => (this.#table = parseSymbolTable(readText(symbols), symbols)));
    if (this.#status !== EXIT_OK) return this.#status;
    let isOne = files.length === 1;
    for (const file of files) {
      this.#orTell(file, () => {
        for (const one of modulesOf(file)) {
          isOne &&= one.name === file;
          if (!isOne && json !== true) this.#out.line(`\nFile: ${one.name}`);
          this.#orTell(one.name, () => this.#show(one));
        }
      });
    }
    if (json === true && (this.#documents.length > 0 || !isOne)) {
      for (const piece of jsonPieces(isOne ? this.#documents[0] : this.#documents)) this.#out.write(piece);
      this.#out.line("");
    }
    this.#out.flush();
    return this.#status;
  }

  /** Does something with a file, or tells why it can't. */
  #orTell(file: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#out.flush();
      complain(describe(file, error).message);
      this.#status = EXIT_FAILURE;
    }
  }

  #show({ name, source }: OpenModule): void {
    const { json } = this.#options;
    const start = source.read(0, Math.min(4, source.size));
    const format = FORMATS.find((one) => one.recognizes(start)) ?? FORMATS[0];
    let view: ModuleView;
    try {
      view = format.view(name, source, this.#options, this.#table);
    } catch (error) {
      if (!(error instanceof DynldError)) throw error;
      if (json === true) {
        const { code, message } = describe(name, error);
        this.#documents.push({ ...format.refused(name, start), error: error.errstr, code, message });
      }
      this.#out.flush();
      refuse(name, error);
      this.#status = EXIT_FAILURE;
      return;
    }
    if (json === true) this.#documents.push(view.json());
    else for (const line of view.text()) this.#out.line(line);
    this.#out.flush();
    for (const warning of view.warnings) complain(`${name}: warning: ${warning}`);
  }
}

/** What an argument names: a module, the members of an archive, or one of them: `libfoo.a(member.o)`. */
function* modulesOf(argument: string): IterableIterator<OpenModule> {
  const [, archive, wanted] = /^(.+)\((.+)\)$/.exec(argument) ?? [];
  const isMember = archive !== undefined && !existsSync(argument);
  const path = isMember ? archive : argument;
  using opened = openSource(path);
  const { source } = opened;
  if (!isMember && !isArchive(source.read(0, Math.min(8, source.size)))) {
    yield { name: argument, source };
    return;
  }
  using members = openArchive(path);
  let isFound = false;
  for (const member of members.archive.members) {
    if (isMember && member.name !== wanted && basename(member.name) !== wanted) continue;
    isFound = true;
    yield { name: `${path}(${member.name})`, source: member.open() };
  }
  if (isFound || !isMember) return;
  throw new ElfError("ELF_BAD_REFERENCE", { file: path }, `found no member ${wanted} in the archive`);
}

/** For each thing that is wrong a line of the loader's own words, and below it where that is and what was expected. */
function refuse(file: string, error: DynldError): void {
  for (const { errstr, message, place, also } of [error, ...error.also]) {
    // Where several things are wrong, the first one's message has the others below its own.
    const [own = ""] = also.length > 0 ? message.split("\n") : [message];
    const at = own.indexOf(errstr);
    const behind = at < 0 ? own.replace(`${formatPlace(place)}: `, "") : own.slice(at + errstr.length);
    const what = behind.replace(/^[:;] /, "");
    const { file: _, ...inside } = place;
    const more = [formatPlace(inside), what].filter((part) => part !== "").join(": ");
    const said = errstr.replace(`${file}: `, "");
    complain(`${file}: ${said}`, ...(more === "" ? [] : [`  ${more}`]));
  }
}
