# SPDX-License-Identifier: MIT
"""Leaky and innocent Python programs, all at the same time under one leakd, on every CPython that is
there: who leaks is named with line and type within four minutes, who does not is left alone.
test_whole_path.py runs a few of them each time; all of it, some five minutes a CPython, is for
LEAKD_LONG=1."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import python_table  # noqa: E402
import pythons  # noqa: E402
from daemon import Daemon  # noqa: E402

LONG = bool(os.environ.get("LEAKD_LONG"))


class Programs(unittest.TestCase):
    def test_every_leaky_program_has_its_mark(self):
        for name in python_table.LEAKS:
            self.assertGreater(python_table.culprit_line(name), 0)

    def test_the_table_holds_all_programs(self):
        for file, names in ((python_table.LEAKS_FILE, python_table.LEAKS),
                            (python_table.INNOCENTS_FILE, python_table.INNOCENTS)):
            self.assertEqual(set(names), python_table.names_in(file))


@unittest.skipUnless(LONG, "takes five minutes a CPython; LEAKD_LONG=1 runs it")
class EveryPython(unittest.TestCase):
    def test_leaks_are_told_and_innocents_left_alone(self):
        for version, path in pythons.INTERPRETERS.items():
            with self.subTest(python=version), Daemon() as daemon:
                table = python_table.Table(daemon, path)
                # The figures are printed; on a busy machine a leak is not straight for minutes.
                while time.monotonic() - table.began_s < python_table.WITHIN_S or (
                        time.monotonic() - table.began_s < python_table.PATIENCE_S and
                        not table.is_complete()):
                    time.sleep(1)
                    table.look()
                table.print(version)
                self.assertEqual({}, {name: table.wrong(name) for name in table.leaks
                                      if name not in table.took_s})
                self.assertEqual({}, {name: table.harm(name) for name in table.innocents
                                      if table.harm(name)})


if __name__ == "__main__":
    unittest.main()
