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
  return (void *)(done + 1);
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

/** Makes and joins threads in several threads until SIGTERM; then prints, and exits with 7. */
export const CHURN = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
static volatile int over;
static void on_term(int s) { over = 1; }
static void *leaf(void *x) { return x; }
static void *work(void *unused) {
  long done = 0;
  for (; !over; done++) {
    pthread_t t;
    void *r;
    if (pthread_create(&t, 0, leaf, (void *)7) || pthread_join(t, &r) || r != (void *)7) return 0;
  }
  return (void *)(done + 1);
}
int main(void) {
  signal(SIGTERM, on_term);
  printf("begins\\n"); fflush(stdout);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(threads + i, 0, work, 0);
  for (int i = 0; i < 2; i++) { void *r; pthread_join(threads[i], &r); if (r == 0) return 8; }
  printf("right\\n");
  return 7;
}
`;

/** Its first thread ends; another one waits for a signal, and then executes a program that exits with 6. */
export const HEADLESS = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static void *work(void *unused) {
  sigset_t set;
  int got;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  printf("ready\\n"); fflush(stdout);
  sigwait(&set, &got);
  execl("/bin/sh", "sh", "-c", "exit 6", (char *)0);
  return 0;
}
int main(void) {
  sigset_t set;
  pthread_t thread;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  pthread_create(&thread, 0, work, 0);
  pthread_exit(0);
}
`;
