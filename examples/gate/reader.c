/* Reads a gate from miqa's mapped file as docs/gate.md describes it, TIMES times over (once without):
 *   cc -O2 -o reader reader.c && ./reader FILE STREAM [TIMES]
 * Prints what to obey, what was decided, the score and the stream time in nanoseconds since which it is so.
 * For machines that count little-endian, as nearly all do. */
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

static const char *STATES[256] = {"unknown", "open", "degraded", "closed"};
static const char *map; /* NULL while there is no file */
#define U32(at) __atomic_load_n((const uint32_t *)(map + (at)), __ATOMIC_ACQUIRE)
#define U64(at) __atomic_load_n((const uint64_t *)(map + (at)), __ATOMIC_ACQUIRE)

union slot { struct { uint32_t sequence, tenancy; uint8_t decided, enforced, when_unknown, reason; uint32_t flaps;
                      float score, smoothed; uint64_t since, at, changed, valid_until, written; }; uint64_t words[8]; };

static void open_map(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    map = NULL;
    if (file >= 0 && fstat(file, &about) == 0 && about.st_size >= 64) {
        map = mmap(NULL, about.st_size, PROT_READ, MAP_SHARED, file, 0);
        if (map == MAP_FAILED || memcmp(map, "MIQAGATE", 8) || U32(8) != 1) map = NULL;
    }
    if (file >= 0) close(file);
}

/* One whole look at slot i: 1 if it is the stream's, 0 if it isn't or its writer died while writing. */
static int look(uint32_t i, const char *stream, union slot *s) {
    uint64_t name[9] = {0};
    for (int tries = 0; tries < 500; tries++) {
        if (tries > 200) usleep(50); /* its writer is kept from running */
        uint32_t names = U32(36) + 64 * i, slot = U32(40) + 64 * i, before = U32(slot);
        if (before & 1) continue; /* being written */
        for (int w = 0; w < 8; w++) s->words[w] = U64(slot + 8 * w), name[w] = U64(names + 8 * w);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (U32(slot) == before) return s->tenancy != 0 && strcmp((char *)name, stream) == 0;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: reader FILE STREAM [TIMES]\n"), 2;
    uint32_t mine = 0; /* the stream's slot, looked for again whenever it isn't there */
    for (long times = argc > 3 ? atol(argv[3]) : 1; times > 0; times--) {
        union slot s = {{.score = NAN}};
        if (!map || U32(12)) open_map(argv[1]); /* none yet, or the daemon made a new one */
        int found = map && mine < U32(32) && look(mine, argv[2], &s);
        for (uint32_t i = 0; map && !found && i < U32(32); i++) found = look(mine = i, argv[2], &s);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t now = t.tv_sec * 1000000000ull + t.tv_nsec, beat = map ? U64(16) : 0;
        int alive = map && !U32(12) && (now > beat ? now - beat : beat - now) <= U64(24);
        if (!found) s = (union slot){{.score = NAN}}; /* all zeros: unknown */
        if (!alive || now >= s.valid_until) { /* unknown, whatever the slot says */
            s.decided = 0;
            if (s.enforced != 255) s.enforced = s.when_unknown;
        }
        const char *obey = s.enforced == 255 ? "open" : STATES[s.enforced]; /* 255: shadow, nothing is commanded */
        printf("%s %s %.3f %llu\n", obey, STATES[s.decided], s.score, (unsigned long long)s.since);
    }
    return 0;
}
