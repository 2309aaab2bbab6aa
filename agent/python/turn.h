/* SPDX-License-Identifier: MIT */
/*
 * Which moments the hooks of the attributing state attend. A program that makes few objects does not feel
 * them, and they attend always. One that makes very many does: there time is cut into turns, of each
 * group of `share` turns one is attended, by lot, and a sample of it stands for the whole group. Sums stay
 * right whatever the program does when, since the lot knows nothing of the program: the expected weight of
 * each allocation is one (one random turn of each stratum; Cochran, Sampling Techniques, ch. 5).
 *
 * For that the length of a turn must not depend on its lot: it ends at the first call of turn_next after
 * TURN_MS, which must come from what happens with and without the hooks (nearly: a sampled block goes through
 * malloc, which counts towards its next poll). Where such calls are rare, all is attended, since nobody
 * would bring the hooks back. A program that stops making them amid a missed turn is seen again with its next
 * list, dict, arena or some hundred calls of malloc, as a calm one is.
 *
 * Pure but for its state. turn_next: by a thread that holds the interpreter's lock; the others: any thread.
 */
#ifndef LEAKD_AGENT_PYTHON_TURN_H
#define LEAKD_AGENT_PYTHON_TURN_H

#include <stdbool.h>
#include <stdint.h>

#define TURN_MS        8   /* two ticks of the usual coarse clock */
#define TURN_LONG_MS   24  /* whoever is called so rarely attends the next turn for certain */
#define TURN_STRAND_MS 400 /* a turn that nobody ends stands for itself alone from then on */

#define TURN_SHARE_MAX 8

/* Attribution begins: the first turn is attended. Times are of the coarse monotonic clock. */
void turn_restart(uint64_t now_ms);

/* Cheap. */
bool turn_is_over(uint64_t now_ms);

/* The next turn, when this one is over. period_bytes: the mean sampling interval in force; lot: random
 * bits. */
void turn_next(uint64_t now_ms, uint64_t period_bytes, uint64_t lot);

bool turn_is_attended(void);

/* How many turns a sample that is taken now stands for, 1 to TURN_SHARE_MAX. */
unsigned turn_share(uint64_t now_ms);

/* So many bytes of objects are made in a turn that is attended. */
void turn_note(uint64_t bytes);

#endif
