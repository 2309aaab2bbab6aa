# SPDX-License-Identifier: MIT
"""What differs between the bare runs of a group and its loaded ones. Pure."""

EXIT = "(exit)"  # the case that stands for the group's own exit status
TIME_UP = "time was up"
ABSENT = "absent"


class Finding:
    """One case whose loaded result no bare run had. again: loaded runs that agree with the bare
    ones after all, of so many."""

    def __init__(self, group, case, bare, loaded):
        self.group, self.case, self.bare, self.loaded = group, case, bare, loaded

    @property
    def is_steady(self):
        """Whether it differs in every loaded run."""
        return all(result not in self.bare for result in self.loaded)

    def __str__(self):
        return (f"{self.group} {self.case}: bare {', '.join(self.bare)}; "
                f"loaded {', '.join(self.loaded)}")


def cases_of(runs):
    names = {}
    for run in runs:
        names.update(dict.fromkeys(run))
    return list(names)


def results_of(case, runs):
    """What the runs say of a case; one that was cut short says nothing of what it has not reached."""
    return [run.get(case, ABSENT) for run in runs if case in run or run.get(EXIT) != TIME_UP]


def differing(group, bare, loaded):
    """Findings of a group. bare, loaded: [{case: result}] of each run."""
    findings = []
    for case in cases_of(bare + loaded):
        before, after = results_of(case, bare), results_of(case, loaded)
        if before and any(result not in before for result in after):
            findings.append(Finding(group, case, before, after))
    return findings


def flakes(bare):
    """Cases whose bare runs do not agree among themselves."""
    return [case for case in cases_of(bare) if len(set(results_of(case, bare))) > 1]


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, bare, loaded, failed_cases):
        """passed: the same result with and without the agent, and not skipped."""
        for case in cases_of(bare[:1] + loaded[:1]):
            if case == EXIT:
                continue
            if case in failed_cases:
                self.failed += 1
            elif bare[0].get(case) == "skip":
                self.skipped += 1
            else:
                self.passed += 1
        self.failed += EXIT in failed_cases
