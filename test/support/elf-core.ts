/** A core file written by hand, field by field, independent of any writer of the product. */

/** A little-endian 64-bit x86-64 core with one `PT_NOTE`: prstatus, prpsinfo, siginfo, auxv and file mappings. */
export function coreImage(): Uint8Array {
  const notes = concat(
    note("CORE", 1, prstatus()),
    note("CORE", 3, prpsinfo()),
    note("CORE", 0x53494749, siginfo()),
    note("CORE", 6, words(3, 0x400040, 6, 4096, 9, 0x401000, 0, 0)),
    note("CORE", 0x46494c45, fileMappings()),
  );
  const header = new Uint8Array(64 + 56);
  const view = new DataView(header.buffer);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 4, true); // ET_CORE
  view.setUint16(18, 62, true); // EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(64, 4, true); // PT_NOTE
  view.setBigUint64(64 + 8, 120n, true);
  view.setBigUint64(64 + 32, BigInt(notes.length), true);
  view.setBigUint64(64 + 48, 4n, true);
  return concat(header, notes);
}

function prstatus(): Uint8Array {
  const bytes = new Uint8Array(336);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, 11, true); // pr_cursig
  [4242, 4241, 4240, 4239].forEach((id, i) => {
    view.setInt32(32 + i * 4, id, true);
  });
  // rip is register 16 of 27.
  view.setBigUint64(112 + 16 * 8, 0x401136n, true);
  return bytes;
}

function prpsinfo(): Uint8Array {
  const bytes = new Uint8Array(136);
  const view = new DataView(bytes.buffer);
  bytes[1] = "R".charCodeAt(0);
  view.setUint32(16, 1000, true);
  view.setUint32(20, 1001, true);
  view.setInt32(24, 4242, true);
  bytes.set(new TextEncoder().encode("crasher"), 40);
  bytes.set(new TextEncoder().encode("./crasher --now"), 56);
  return bytes;
}

function siginfo(): Uint8Array {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 11, true);
  view.setInt32(8, 1, true); // SEGV_MAPERR
  view.setBigUint64(16, 0xdeadbeefn, true);
  return bytes;
}

function fileMappings(): Uint8Array {
  const names = new TextEncoder().encode("/tmp/crasher\0/lib/libc.so.6\0");
  return concat(words(2, 4096, 0x400000, 0x401000, 0, 0x7f0000000000, 0x7f0000028000, 0x26), names);
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setBigUint64(i * 8, BigInt(value), true);
  });
  return bytes;
}

function note(owner: string, type: number, desc: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode(`${owner}\0`);
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  const bytes = new Uint8Array(12 + padded(name.length) + padded(desc.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, desc.length, true);
  view.setUint32(8, type, true);
  bytes.set(name, 12);
  bytes.set(desc, 12 + padded(name.length));
  return bytes;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
