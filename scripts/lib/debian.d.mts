/** The unpacked tree of a Debian package. */
export function unpackedPackage(name: string): string;
