// SPDX-License-Identifier: MIT
// One thread opens and closes a plugin, one throws through it, two allocate.
// Usage: dlstorm PLUGIN ROUNDS. Prints how many exceptions were caught.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<bool> done;

static void allocate()
{
    while (!done) {
        std::vector<std::string> words;

        for (std::size_t i = 0; i < 100; i++)
            words.emplace_back(i * 7, 'a');
    }
}

static void throw_here()
{
    while (!done) {
        try {
            std::string text(100, 't');
            throw std::runtime_error(text);
        } catch (const std::runtime_error &) {
            continue;
        }
    }
}

static int throw_there(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = plugin ? dlsym(plugin, "plugin_throw") : nullptr;
    int (*function)(int) = nullptr;
    int caught = 0;

    std::memcpy(&function, &symbol, sizeof(symbol));
    if (!function)
        std::abort();
    try {
        function(20);
    } catch (const std::runtime_error &) {
        caught = 1;
    }
    dlclose(plugin);
    return caught;
}

int main(int argc, char **argv)
{
    long rounds = argc > 2 ? std::atol(argv[2]) : 100;
    long caught = 0;
    std::thread threads[] = {std::thread(allocate), std::thread(allocate), std::thread(throw_here)};

    for (long i = 0; i < rounds; i++)
        caught += throw_there(argv[1]);
    done = true;
    for (std::thread &thread : threads)
        thread.join();
    std::printf("%ld caught\n", caught);
    return caught != rounds;
}
