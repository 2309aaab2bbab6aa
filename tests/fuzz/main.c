/* SPDX-License-Identifier: MIT */
/*
 * The driver of a fuzz target where there is no libFuzzer: runs the files and folders named on the
 * command line once each, then `-runs=N` inputs (1000 unless said otherwise) made of the files or of
 * nothing by a generator with a fixed seed, so that every run is the same.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX 65536
#define FILES_MAX       4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    uint8_t *data;
    size_t size;
} inputs[FILES_MAX];
static size_t input_count;

static uint64_t random_state = 0x2545f4914f6cdd1du;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    size_t size;

    if (!file || !data) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    size = fread(data, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    if (input_count == FILES_MAX) {
        free(data);
        return;
    }
    inputs[input_count].data = data;
    inputs[input_count++].size = size;
}

static void run_path(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char name[4096];

    if (!folder) {
        run_file(path);
        return;
    }
    while ((entry = readdir(folder))) {
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            run_path(name);
    }
    closedir(folder);
}

/* A known input with some bytes changed and perhaps its end cut off, or noise. */
static size_t make_input(uint8_t *data)
{
    size_t pick = input_count ? (size_t)(next_random() % (input_count + 1)) : 0;
    size_t size = (size_t)(next_random() % 256);

    if (pick < input_count) {
        size = inputs[pick].size;
        memcpy(data, inputs[pick].data, size);
        for (uint64_t n = next_random() % 8; size > 0 && n > 0; n--)
            data[next_random() % size] = (uint8_t)next_random();
        return next_random() % 4 == 0 && size > 0 ? (size_t)(next_random() % size) : size;
    }
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)next_random();
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t data[INPUT_BYTES_MAX];
    unsigned long runs = 1000;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = strtoul(argv[i] + 6, NULL, 10);
        else
            run_path(argv[i]);
    }
    for (unsigned long run = 0; run < runs; run++) {
        size_t size = make_input(data);
        uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees a read past the end */

        if (!exact)
            return 1;
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    printf("%zu files and %lu made inputs, no failure\n", input_count, runs);
    return 0;
}
