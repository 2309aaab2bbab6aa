// SPDX-License-Identifier: MIT
// What the dlopen storm loads: its constructor starts a thread that allocates while the loader's
// lock is held, and its function throws. Built as a shared object.
#include <pthread.h>
#include <stdexcept>
#include <string>

extern "C" int plugin_throw(int depth);

static void *allocate(void *)
{
    for (int i = 0; i < 100; i++)
        delete new std::string(static_cast<std::size_t>(i) * 10, 'x');
    return nullptr;
}

static struct Starter {
    pthread_t thread;
    bool started;
    Starter() : thread(), started(pthread_create(&thread, nullptr, allocate, nullptr) == 0) {}
    ~Starter()
    {
        if (started)
            pthread_join(thread, nullptr);
    }
} starter;

int plugin_throw(int depth)
{
    std::string here(static_cast<std::size_t>(depth) * 20 + 50, 'p'); // destroyed by the unwinder

    if (depth == 0)
        throw std::runtime_error(here);
    return plugin_throw(depth - 1) + static_cast<int>(here.size());
}
