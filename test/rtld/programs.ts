/** Programs that several tests control. */

/** Opens and closes a library in several threads until it is told to end by SIGTERM; then prints, and exits with 7. */
export const BUSY = `
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int over;
static void on_term(int s) { over = 1; }
static void *work(void *name) {
  long done = 0;
  while (!over) {
    void *h = dlopen(name, RTLD_NOW);
    int (*f)(int) = (int (*)(int))dlsym(h, "plugin");
    if (f == 0 || f(20) != 21) exit(9);
    dlclose(h);
    done++;
  }
  return (void *)done;
}
int main(int argc, char **argv) {
  signal(SIGTERM, on_term);
  pthread_t threads[3];
  printf("begins\\n"); fflush(stdout);
  for (int i = 0; i < 3; i++) pthread_create(threads + i, 0, work, argv[1]);
  for (int i = 0; i < 3; i++) { void *r; pthread_join(threads[i], &r); if (r == 0) return 8; }
  printf("right\\n");
  return 7;
}
`;

/** What {@link BUSY} opens. */
export const PLUGIN = "int plugin(int x) { return x + 1; }";
