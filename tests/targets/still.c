/* SPDX-License-Identifier: MIT */
/* A program without the loader, which no preloaded library reaches. Linked statically. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(1000);

    puts(block ? "still" : "no memory");
    free(block);
    return 6;
}
