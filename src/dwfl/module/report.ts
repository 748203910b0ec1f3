/** What a session is told of a module before anything of it is read. */
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";
import type { AddressSpan, OfflineSpace } from "./layout.ts";

/** An ELF file that was opened for a module, which closes it. */
export interface ModuleFile {
  readonly elf: ElfFile;
  /** Path of the file; `undefined` if it is none on disk. */
  readonly path: string | undefined;
  /** Closes the file. */
  close(): void;
}

/** Address of a loaded section; `undefined` if it is not in memory, or not known. Asked at the first need, once each. */
export type SectionAddress = (section: ElfSection) => bigint | undefined;

/** Where a module is. */
export type ModulePlace =
  /** A linked file: what is added to its own addresses. */
  | { readonly bias: bigint }
  /** Laid out by itself at or above an address. */
  | { readonly base: bigint }
  /** A relocatable file: by section. The range of the module, if it is known, else it takes all sections to find. */
  | { readonly sectionAddress: SectionAddress; readonly span?: AddressSpan };

/** Where a report says that a module is. */
export type ReportedPlace =
  | ModulePlace
  /** A linked file, of which the byte at an offset is at an address. */
  | { readonly address: bigint; readonly fileOffset: bigint }
  /** Found out when it is needed. */
  | {
      /** Asked once. */
      readonly locate: (elf: ElfFile) => ModulePlace | UnknownPlace;
    }
  /** At free addresses, taken at the first need. */
  | { readonly space: OfflineSpace }
  | UnknownPlace;

/** Not known, and why. */
export interface UnknownPlace {
  readonly unknown: string;
}

/** One module, as it is reported. */
export interface ModuleReport {
  readonly name: string;
  /** Path of the file, as whoever reports it knows it. */
  readonly path: string | undefined;
  /** Opens the file. Called at first need, and again after a release. */
  readonly open: () => ModuleFile;
  readonly place: ReportedPlace;
  /** The range that the module takes, where it is known without the file. */
  readonly span?: AddressSpan | undefined;
  /** Build id of what is in memory, in hexadecimal, where that tells it. */
  readonly buildId?: string | undefined;
  /** Whether the session's own callback is asked for sections before `place`; it is unless this says no. */
  readonly asks?: boolean;
  /** The program itself, of a process. */
  readonly isProgram?: boolean;
  /** One of the many modules of a kernel, which are not opened unless they are needed themselves. */
  readonly isKernelModule?: boolean;
}
