/** Native functions by the shapes of their parameters and results, called from JavaScript and made of it. */
import koffi from "koffi";
import { HostError } from "../errors.ts";
import type { NativeCallback } from "./callback.ts";
import type { NativeFunction } from "./ffi.ts";
import { withUnsigned } from "./unsigned-arguments.ts";

export type { NativeFunction } from "./ffi.ts";

/** A number, or an address: `bigint`, or `null`, or a buffer whose address is meant, or text that lives for the call. */
export type NativeScalar =
  | "void"
  | "bool"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float"
  | "double"
  | "pointer"
  | "string";

/** Bytes of a structure that travel alike. Those of numbers with a point go in registers of their own. */
export interface NativePiece {
  readonly form: "bytes" | "float" | "double";
  /** From the start of the structure. */
  readonly offset: number;
  readonly size: number;
}

/** A structure by value: an object with a buffer for each piece, named `p0`, `p1` and so on. */
export interface NativeRecord {
  readonly size: number;
  readonly alignment: number;
  readonly pieces: readonly NativePiece[];
}

/** What is passed for a parameter: a function stands for a pointer to one. */
export type NativeShape = NativeScalar | NativeRecord | NativeSignature;

/** The shape of a function. */
export interface NativeSignature {
  readonly result: NativeShape;
  readonly parameters: readonly NativeShape[];
}

type KoffiType = ReturnType<typeof koffi.proto>;

const SCALARS: Readonly<Record<NativeScalar, string>> = {
  void: "void",
  bool: "bool",
  int8: "int8_t",
  uint8: "uint8_t",
  int16: "int16_t",
  uint16: "uint16_t",
  int32: "int32_t",
  uint32: "uint32_t",
  int64: "int64_t",
  uint64: "uint64_t",
  float: "float",
  double: "double",
  pointer: "void *",
  string: "const char *",
};

/** By the text of a shape; koffi keeps types for ever. */
const types = new Map<string, KoffiType>();

/**
 * A callable for the function at an address. It takes what the shapes say and checks little: what is no number for a
 * number, a wrong count. Integers of 64 bits come back as a `number` while that is exact, as `bigint` beyond.
 * @throws HostError for a shape that can't be passed
 */
export function functionAt(address: bigint, signature: NativeSignature): NativeFunction {
  return koffi.decode(address, prototypeFor(signature)) as NativeFunction;
}

/**
 * Calls what {@link functionAt} made in another thread. What the arguments lead to has to stay until `done` is called, which
 * this thread does; functions among the arguments are called by this thread, too, and what they throw is nobody's.
 */
export function callInThread(
  native: NativeFunction,
  args: readonly unknown[],
  done: (error: unknown, result: unknown) => void,
): void {
  const { async: start } = native as unknown as { readonly async?: (...args: unknown[]) => void };
  // What has ended says so.
  if (start === undefined) done(undefined, native(...args));
  else start(...args, done);
}

/**
 * A JavaScript function as a native one. What it throws is thrown by the call that led to it, and native code gets anything
 * for a result then.
 * @throws HostError when there are too many, or for a shape that can't be passed
 */
export function callbackFor(action: NativeFunction, signature: NativeSignature): NativeCallback {
  let address: bigint | undefined;
  try {
    const isUnsigned = signature.parameters.map((shape) => shape === "uint64");
    address = koffi.register(withUnsigned(action, isUnsigned), pointerTo(signature));
  } catch (cause) {
    throw new HostError(
      "HOST_UNSUPPORTED",
      "callback",
      cause instanceof Error ? cause.message : String(cause),
    );
  }
  const registered = address;
  return {
    address: registered,
    release: () => {
      if (address !== undefined) koffi.unregister(registered);
      address = undefined;
    },
  };
}

/** Where the bytes of a buffer are. They stay there while the buffer is. */
export function addressOfBuffer(buffer: ArrayBuffer | ArrayBufferView): bigint {
  return koffi.address(buffer);
}

/** Text at an address, up to its NUL, as UTF-8. */
export function textAt(address: bigint): string {
  return koffi.decode.string(address);
}

function prototypeFor(signature: NativeSignature): KoffiType {
  return kept(textOf(signature), () =>
    koffi.proto(typeFor(signature.result), signature.parameters.map(typeFor)),
  );
}

function pointerTo(signature: NativeSignature): KoffiType {
  return kept(`*${textOf(signature)}`, () => koffi.pointer(prototypeFor(signature)));
}

function typeFor(shape: NativeShape): string | KoffiType {
  if (typeof shape === "string") return SCALARS[shape];
  return "pieces" in shape ? recordFor(shape) : pointerTo(shape);
}

function recordFor(record: NativeRecord): KoffiType {
  return kept(textOf(record), () => {
    const members: Record<string, [number, KoffiType]> = {};
    record.pieces.forEach(({ form, offset, size }, index) => {
      const [element, width]: [string, number] =
        form === "bytes" ? ["uint8_t", 1] : form === "float" ? ["float", 4] : ["double", 8];
      // A piece of bytes begins where its eightbyte does, or the structure.
      const alignment = offset === 0 ? record.alignment : form === "bytes" ? 8 : width;
      members[`p${index}`] = [alignment, koffi.array(element, size / width, "Typed")];
    });
    const type = koffi.struct(members);
    const placed = record.pieces.every(({ offset }, index) => koffi.offsetof(type, `p${index}`) === offset);
    if (!placed || koffi.sizeof(type) !== record.size) {
      const what = `found a structure of ${record.size} bytes whose members are not where an ABI has them`;
      throw new HostError("HOST_UNSUPPORTED", "call", what);
    }
    return type;
  });
}

function textOf(shape: NativeShape): string {
  if (typeof shape === "string") return shape;
  if ("pieces" in shape) {
    const pieces = shape.pieces.map(({ form, offset, size }) => `${form}@${offset}+${size}`);
    return `{${shape.size}/${shape.alignment}:${pieces.join()}}`;
  }
  return `${textOf(shape.result)}(${shape.parameters.map(textOf).join()})`;
}

function kept(text: string, make: () => KoffiType): KoffiType {
  let type = types.get(text);
  if (type === undefined) {
    type = make();
    types.set(text, type);
  }
  return type;
}
