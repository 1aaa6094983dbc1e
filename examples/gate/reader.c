#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
volatile struct { char magic[8]; uint32_t version, closed; uint64_t beat, limit; uint32_t capacity, names, slots; } *map;
struct slot { uint32_t sequence, tenancy; uint8_t decided, enforced, when_unknown, reason; uint32_t flaps;
              float score, smoothed; uint64_t since, at, changed, valid_until, written; };
int main(int argc, char **argv) { /* FILE STREAM...: prints what to obey, what was decided, score, since (docs/gate.md) */
    const char *states[256] = {"unknown", "open", "degraded", "closed", [255] = "open"}; /* 255: shadow, work on */
    for (int stream = 2; stream < argc; stream++) {
        FILE *file = map && !map->closed ? NULL : fopen(argv[1], "rb"); /* none yet, or a new daemon made a new one */
        if (file && !fseek(file, 0, SEEK_END)) map = mmap(NULL, ftell(file), PROT_READ, MAP_SHARED, fileno(file), 0);
        if (file && (fclose(file) || !map || map == MAP_FAILED || memcmp((void *)map, "MIQAGATE\1\0\0", 12))) map = NULL;
        struct slot s, gate = {.score = __builtin_nanf("")}; /* unknown, unless it is found and whole */
        struct timespec t = {0, 20000};
        for (uint32_t i = 0, tries = 0; map && i < map->capacity; i++) {
            volatile struct slot *slot = (volatile struct slot *)((char *)map + map->slots) + i;
            uint32_t before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
            int mine = !strncmp((char *)map + map->names + 64 * i, argv[stream], 64);
            s = *slot, __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if (before % 2 || before != slot->sequence) i -= tries++ < 500 && !nanosleep(&t, NULL); /* written: again */
            else if (mine) gate = s;
        }
        uint64_t now = (clock_gettime(CLOCK_MONOTONIC, &t), t.tv_sec * 1000000000ull + t.tv_nsec), beat = map ? map->beat : 0;
        if (!map || map->closed || (now > beat ? now - beat : beat - now) > map->limit || now >= gate.valid_until)
            gate.decided = 0, gate.enforced = gate.enforced == 255 ? 255 : gate.when_unknown; /* no lease: unknown */
        printf("%s %s %.3f %ju\n", states[gate.enforced], states[gate.decided], gate.score, (uintmax_t)gate.since);
    }
}
