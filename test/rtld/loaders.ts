/** A run-time linker that loads nothing, and tells of things as real ones do at times. */

/** Marks a place as `<sys/sdt.h>` does. */
const PROBE = `
#define PROBE(name) asm volatile("990: nop\\n" \\
  ".pushsection .note.stapsdt, \\"\\", \\"note\\"\\n .balign 4\\n .4byte 992f - 991f, 994f - 993f, 3\\n" \\
  "991: .asciz \\"stapsdt\\"\\n 992: .balign 4\\n 993: .8byte 990b\\n .8byte _.stapsdt.base\\n .8byte 0\\n" \\
  " .asciz \\"rtld\\"\\n .asciz \\"" #name "\\"\\n .asciz \\"8@%%rax\\"\\n 994: .balign 4\\n .popsection\\n" \\
  ".ifndef _.stapsdt.base\\n .pushsection .stapsdt.base, \\"aG\\", \\"progbits\\", .stapsdt.base, comdat\\n" \\
  ".weak _.stapsdt.base\\n .hidden _.stapsdt.base\\n _.stapsdt.base: .space 1\\n" \\
  ".size _.stapsdt.base, 1\\n .popsection\\n .endif\\n" ::: "memory")
`;

/**
 * Tells of a start with one object, lets the program run (which must return), tells of opening two more, the second while the
 * first is being opened, each addition twice, and of closing one. Exits with 3.
 */
export const LOADER = `
${PROBE}
struct map { long bias; const char *name; void *dynamic; struct map *next, *previous; };
struct { int version; struct map *map; void (*brk)(void); int state; long base; } _r_debug;
static struct map maps[3];
enum { CONSISTENT, ADD, DELETE };
__attribute__((noinline)) void _dl_debug_state(void) { asm volatile("" ::: "memory"); }
static void tell(int state) { _r_debug.state = state; _dl_debug_state(); }
static void link(struct map *one, const char *name) {
  one->name = name;
  one->previous = one - 1;
  one[-1].next = one;
}
__attribute__((used)) static void load(long *stack) {
  long *at = stack + 1 + *stack + 1;
  void (*entry)(void) = 0;
  while (*at++) ;
  for (; *at; at += 2) if (*at == 9) entry = (void (*)(void))at[1];
  _r_debug.version = 1;
  _r_debug.brk = _dl_debug_state;
  tell(ADD);
  PROBE(init_start);
  maps[0].name = "";
  _r_debug.map = maps;
  tell(CONSISTENT);
  PROBE(init_complete);
  entry();
  tell(ADD);
  tell(ADD);
  link(maps + 1, "/first.so");
  tell(CONSISTENT);
  PROBE(map_complete);
  PROBE(reloc_start);
  PROBE(reloc_complete);
  tell(ADD);
  tell(ADD);
  link(maps + 2, "/second.so");
  tell(CONSISTENT);
  tell(CONSISTENT);
  PROBE(reloc_start);
  PROBE(reloc_complete);
  tell(DELETE);
  tell(DELETE);
  maps[0].next = maps + 2;
  maps[2].previous = maps;
  tell(CONSISTENT);
  asm volatile("syscall" :: "a"(231), "D"(3));
}
asm(".globl _start\\n_start: mov %rsp, %rdi\\n and $-16, %rsp\\n call load");
`;
/** What makes a file of it that the kernel takes for a run-time linker. */
export const LOADER_FLAGS = [
  "-shared",
  "-fPIC",
  "-nostdlib",
  "-ffreestanding",
  "-fno-stack-protector",
  "-Wl,-e,_start",
  "-Wl,-Bsymbolic",
];

/** A program for it. */
export const RETURNS = 'asm(".globl _start\\n_start: ret");';
