// SPDX-License-Identifier: MIT
// A program without frame pointers that loses 1 KiB a second thirty calls deep, beside work that
// allocates much and loses nothing. Usage: deep_leak [LOST_BYTES_PER_S]. Runs until it is killed.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

static volatile unsigned long seen;
static char *volatile lost;

#define NOT_INLINE __attribute__((noinline, noclone))

NOT_INLINE static void forget(std::size_t size)
{
    lost = new char[size]; // the leak
    seen = seen + 1;
}

template <int N> struct Level {
    NOT_INLINE static void go(std::size_t size)
    {
        std::string kept(static_cast<std::size_t>(N) + 40, 'l'); // something to destroy: no tail call

        Level<N - 1>::go(size);
        seen = seen + kept.size();
    }
};

template <> struct Level<0> {
    NOT_INLINE static void go(std::size_t size)
    {
        forget(size);
        seen = seen + 1;
    }
};

NOT_INLINE static void work()
{
    std::vector<std::unique_ptr<std::string>> words;

    for (std::size_t i = 0; i < 200; i++)
        words.push_back(std::make_unique<std::string>(i, 'w'));
    seen = seen + words.size();
}

int main(int argc, char **argv)
{
    const std::size_t per_s = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1024;

    for (;;) {
        for (int i = 0; i < 10; i++) {
            work();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        Level<28>::go(per_s / 10);
    }
}
