/* SPDX-License-Identifier: MIT */
/* leakctl, the command line. Data goes to stdout, everything said to people to stderr. */
#ifndef LEAKD_CTL_CTL_H
#define LEAKD_CTL_CTL_H

/* What a script may rely on; a program that was run gives its own code. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FOUND = 1, /* a leak, or the condition asked for */
    CTL_USAGE = 2, /* wrong arguments or unreadable input */
    CTL_UNREACHABLE = 3,
    CTL_DENIED = 4,
    CTL_NOT_FOUND = 5,
    CTL_TIMEOUT = 124,
    CTL_CANNOT_RUN = 126, /* as a shell says it */
    CTL_NO_PROGRAM = 127,
};

int ctl_main(int argc, char **argv);

#endif
