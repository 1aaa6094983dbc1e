/* Reads a gate from miqa's mapped file (docs/gate.md), TIMES times over (once without), on little-endian machines:
 *   cc -O2 -o reader reader.c && ./reader FILE STREAM [TIMES]
 * Prints what to obey, what was decided, the score and the stream time in nanoseconds since which it is so. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct header { char magic[8]; uint32_t version, closed; uint64_t beat, limit; uint32_t capacity, names, slots, pid; };
struct slot { uint32_t sequence, tenancy; uint8_t decided, enforced, when_unknown, reason; uint32_t flaps;
              float score, smoothed; uint64_t since, at, changed, valid_until, written; };
static const char *STATES[256] = {"unknown", "open", "degraded", "closed"};

static const volatile struct header *map_file(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *map = file < 0 || fstat(file, &about) ? MAP_FAILED : mmap(NULL, about.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    return map == MAP_FAILED || memcmp(map, "MIQAGATE\1\0\0", 12) ? NULL : map;
}

/* The stream's slot, whole; all zeros (unknown) if there is none, or its writer died while writing. */
static struct slot look(const volatile struct header *map, const char *stream) {
    struct slot s, none = {.score = NAN};
    for (uint32_t i = 0, tries = 0; map && i < map->capacity && tries < 500; i++) {
        const char *name = (const char *)map + map->names + 64 * i;
        const struct slot *slot = (const struct slot *)((const char *)map + map->slots) + i;
        uint32_t before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
        int mine = strncmp(name, stream, 64) == 0;
        memcpy(&s, (const void *)slot, sizeof s);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before & 1 || before != __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED)) {
            if (++tries > 200) usleep(50); /* its writer is kept from running */
            i--; /* it was being written: once more */
        } else if (mine && s.tenancy) return s;
    }
    return none;
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: reader FILE STREAM [TIMES]\n"), 2;
    const volatile struct header *map = NULL;
    for (long times = argc > 3 ? atol(argv[3]) : 1; times > 0; times--) {
        if (!map || map->closed) map = map_file(argv[1]); /* none yet, or the daemon made a new one */
        struct slot s = look(map, argv[2]);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t now = t.tv_sec * 1000000000ull + t.tv_nsec, beat = map ? map->beat : 0;
        int alive = map && !map->closed && (now > beat ? now - beat : beat - now) <= map->limit;
        if (!alive || now >= s.valid_until) { /* unknown, whatever the slot says */
            s.decided = 0;
            if (s.enforced != 255) s.enforced = s.when_unknown;
        }
        const char *obey = s.enforced == 255 ? "open" : STATES[s.enforced]; /* 255: shadow, nothing is commanded */
        printf("%s %s %.3f %llu\n", obey, STATES[s.decided], s.score, (unsigned long long)s.since);
    }
    return 0;
}
