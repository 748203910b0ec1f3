/* Times dlsym over names in a random order; the peer's table and ours are asked by the same loop. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <stdlib.h>

/* Nanoseconds a look-up; of reading the name alone when `handle` is null. `names` holds `count` NUL-terminated names one after another. */
double time_lookups(void *handle, const char *names, long count, long lookups)
{
    const char **table = malloc(count * sizeof *table);
    for (long i = 0; i < count; i++, names += strlen(names) + 1)
        table[i] = names;
    uint64_t state = 88172645463325252ull;
    struct timespec from, to;
    long missed = 0;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < lookups; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const char *name = table[state % count];
        if (handle == NULL)
            state += strlen(name); /* the next index depends on it, as the next look-up waits for this one */
        else if (dlsym(handle, name) == NULL)
            missed++;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    free(table);
    if (missed != 0)
        return -1;
    return ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / lookups;
}

/* Opens `count` copies of one shared object, as a program without dlbind has to; seconds, or -1. */
double time_dlopens(const char *paths, long count)
{
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < count; i++, paths += strlen(paths) + 1) {
        void *handle = dlopen(paths, RTLD_NOW);
        if (handle == NULL || dlsym(handle, "add") == NULL)
            return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9;
}
