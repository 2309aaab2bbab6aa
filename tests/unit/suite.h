/* SPDX-License-Identifier: MIT */
/* The main of a libcheck program with one list of cases, and the end of any other. */
#ifndef LEAKD_TESTS_SUITE_H
#define LEAKD_TESTS_SUITE_H

#include <check.h>
#include <stddef.h>

/* Runs the suite and takes it; the exit status. */
static inline int suite_end(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* set_up and tear_down run around each case, in its process; both may be NULL. */
static inline int suite_run(const char *name, double case_max_s, void (*set_up)(void),
                            void (*tear_down)(void), const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    tcase_set_timeout(tcase, case_max_s);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}

#define SUITE_MAIN(name, ...) SUITE_MAIN_FIXTURE(name, NULL, NULL, __VA_ARGS__)

#define SUITE_MAIN_FIXTURE(name, set_up, tear_down, ...)                                           \
    SUITE_MAIN_WITHIN(name, 60, set_up, tear_down, __VA_ARGS__)

#define SUITE_MAIN_WITHIN(name, case_max_s, set_up, tear_down, ...)                                \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
                                                                                                   \
        return suite_run(name, case_max_s, set_up, tear_down, tests,                               \
                         sizeof(tests) / sizeof(tests[0]));                                        \
    }

#endif
