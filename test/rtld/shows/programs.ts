/** The program that is shown to the agent, and what it loads. */

/** `report(ns)` prints, in one piece, what dl_iterate_phdr(3) has: process id, namespace, then name, bias and TLS module of each. */
const REPORT = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
struct text { char bytes[8192]; int length; };
static int one(struct dl_phdr_info *info, size_t size, void *at) {
  struct text *text = at;
  text->length += sprintf(text->bytes + text->length, "|%s %lx %ld", info->dlpi_name, (long)info->dlpi_addr,
                          (long)info->dlpi_tls_modid);
  return 0;
}
static void report_all(const char *ns) {
  struct text text = {.length = 0};
  text.length = sprintf(text.bytes, "%d %s", getpid(), ns);
  dl_iterate_phdr(one, &text);
  text.bytes[text.length++] = '\\n';
  if (write(1, text.bytes, text.length) != text.length) abort();
}
`;

/** Its constructor opens a library, and closes it again. */
const LINKED = `
#include <dlfcn.h>
__attribute__((constructor)) static void begin(void) {
  void *early = dlopen("early.so", RTLD_NOW);
  if (early != 0) dlclose(early);
}
int linked(void) { return 4; }
`;

/** Needs a library of its own, and reports from the namespace that it is in. */
const PLUGIN = `${REPORT}
int helper(int);
__thread int own = 1;
int plugin(int x) { return helper(x) + own; }
void report(const char *ns) { report_all(ns); }
`;

/** Opens another one in its constructor, and closes it in its destructor. */
const NEST = `
#include <dlfcn.h>
static void *other;
__attribute__((constructor)) static void begin(void) { other = dlopen("other.so", RTLD_NOW); }
__attribute__((destructor)) static void end(void) { dlclose(other); }
`;

/** Threads open and close a library each, \`ROUNDS\` times. */
const PROGRAM = `${REPORT}
int linked(void);
__thread int local = 3;
static pthread_barrier_t all_there;
static void *work(void *name) {
  long sum = 0;
  pthread_barrier_wait(&all_there);
  for (int i = 0; i < ROUNDS; i++) {
    void *own = dlopen(name, RTLD_NOW);
    if (own == 0) return 0;
    sum += ((int (*)(int))dlsym(own, "own"))(i);
    dlclose(own);
  }
  return (void *)sum;
}
static long crowd(void) {
  static char *names[] = {"own0.so", "own1.so", "own2.so"};
  pthread_t threads[3];
  long sum = 0;
  pthread_barrier_init(&all_there, 0, 3);
  for (int i = 0; i < 3; i++) pthread_create(threads + i, 0, work, names[i]);
  for (int i = 0; i < 3; i++) { void *r; pthread_join(threads[i], &r); sum += (long)r; }
  return sum;
}
static int waited(void) {
  int status;
  return wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}
int main(int argc, char **argv) {
  report_all("0");
  if (argc > 1 && strcmp(argv[1], "again") == 0) return local + linked();
  void *plugin = dlopen("plugin.so", RTLD_LAZY);
  if (plugin == 0 || ((int (*)(int))dlsym(plugin, "plugin"))(4) != 9) return 1;
  report_all("0");
#ifdef __GLIBC__
  void *apart = dlmopen(LM_ID_NEWLM, "plugin.so", RTLD_NOW);
  Lmid_t lmid;
  if (apart == 0 || dlinfo(apart, RTLD_DI_LMID, &lmid) != 0) return 2;
  void *more = dlmopen(lmid, "other.so", RTLD_NOW);
  ((void (*)(const char *))dlsym(apart, "report"))("1");
  report_all("0");
  dlclose(more);
  ((void (*)(const char *))dlsym(apart, "report"))("1");
#endif
  void *nest = dlopen("nest.so", RTLD_NOW);
  report_all("0");
  dlclose(nest);
  report_all("0");
  dlclose(plugin);
#ifdef __GLIBC__
  dlclose(apart);
#endif
  report_all("0");
  if (dlopen("nowhere.so", RTLD_NOW) != 0 || dlopen("broken.so", RTLD_NOW) != 0) return 3;
  report_all("0");
  if (argc > 1 && strcmp(argv[1], "alone") == 0) return 5;
  // The sum of 0 to ROUNDS - 1, thrice, and of what each library adds.
  if (crowd() != 3 * (ROUNDS * (ROUNDS - 1) / 2) + 6 * ROUNDS) return 4;
  if (fork() == 0) {
    dlopen("other.so", RTLD_NOW);
    report_all("0");
    execl(argv[0], argv[0], "again", (char *)0);
    _exit(101);
  }
  int sum = waited();
  if (vfork() == 0) {
    execl(argv[0], argv[0], "again", (char *)0);
    _exit(102);
  }
  return sum + waited() + 20;
}
`;

/** The program's rounds in each thread. */
export const ROUNDS = 8;
/** What it ends with: 20, and 7 of each of two children. */
export const SHOW_CODE = 34;

/** How a source is compiled: as by the workshop. */
export type Compile = (name: string, source: string, ...flags: string[]) => string;

/** Makes all that the program loads, in the directory of `compile`, and returns what to link it with. */
export function makeLibraries(compile: Compile, directory: string): string[] {
  const shared = ["-shared", "-fPIC"];
  const find = [`-L${directory}`, `-Wl,-rpath,${directory}`];
  const library = (name: string, source: string, ...flags: string[]) =>
    compile(name, source, ...shared, ...find, ...flags);
  library("early.so", "int early;");
  library("other.so", "int other(void) { return 1; }");
  library("broken.so", "int missing(void); int broken(void) { return missing(); }");
  for (const i of [0, 1, 2]) library(`own${i}.so`, `int own(int x) { return x + ${i + 1}; }`);
  library("libhelper.so", "int helper(int x) { return 2 * x; }");
  library("libshowlinked.so", LINKED);
  library("plugin.so", PLUGIN, "-lhelper");
  library("nest.so", NEST);
  return [...find, "-lshowlinked", "-pthread"];
}

/** Makes the program, with what {@link makeLibraries} returned. */
export function makeProgram(compile: Compile, name: string, link: readonly string[], ...flags: string[]) {
  return compile(name, PROGRAM, `-DROUNDS=${ROUNDS}`, ...flags, ...link);
}
