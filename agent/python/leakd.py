# SPDX-License-Identifier: MIT
"""What a Python program may tell leakd, the memory-leak monitor. Harmless where leakd's agent is not
loaded: every function then does nothing. No dependency; any thread.

    import leakd

    leakd.mark("release 1.2")          # something happened: shown on the process's page
    leakd.phase("warm")                # something begins that lasts until the next phase
    leakd.label(shard=3, zone="eu")    # what this process is; 16 pairs, a forked child has them too
    leakd.snapshot()                   # please look now at what keeps the objects alive
    leakd.time_collections()           # measure the garbage collector's pauses from now on
"""
import ctypes
import gc
import os
import time

__all__ = ["is_watched", "label", "mark", "phase", "snapshot", "time_collections"]

_TEXT_BYTES = 120  # of a mark, or of a label's key and value together; what is longer is cut
_LABELS = 16

_labels = {}
_started_ns = None


def _find(name, *arguments):
    function = getattr(ctypes.CDLL(None), name, None)
    if function is None:
        return lambda *_: None
    function.argtypes = arguments
    function.restype = None
    return function


def _bind():
    """ctypes.CDLL(None) finds what is loaded into this process; nothing is opened."""
    text = ctypes.c_char_p
    return {"mark": _find("leakd_mark", text), "phase": _find("leakd_phase", text),
            "label": _find("leakd_label", text, text), "snapshot": _find("leakd_snapshot"),
            "paused": _find("leakd_collected", ctypes.c_uint64)}


_agent = _bind()


def _encode(text):
    return str(text).encode("utf-8", "replace").replace(b"\0", b" ")


def is_watched():
    """True when leakd's agent is in this process. It may still find no leakd to talk to."""
    return hasattr(ctypes.CDLL(None), "leakd_mark")


def mark(text):
    """Tells that something happened: a deploy, a reload of the configuration."""
    _agent["mark"](_encode(text))


def phase(text):
    """Tells that something begins that lasts until the next phase: "warm-up", "import", "serve"."""
    _agent["phase"](_encode(text))


def label(**pairs):
    """Tells what this process is, by key and value; a value of None takes the label away. More than
    16 labels are refused with ValueError, and so are keys and values that are too long together."""
    for key, value in pairs.items():
        text = "" if value is None else str(value)
        if len(_encode(key)) + len(_encode(text)) + 1 > _TEXT_BYTES:
            raise ValueError("leakd: label %s is longer than %d bytes" % (key, _TEXT_BYTES))
        if text and key not in _labels and len(_labels) == _LABELS:
            raise ValueError("leakd: more than %d labels" % _LABELS)
        if text:
            _labels[key] = text
        else:
            _labels.pop(key, None)
        _agent["label"](_encode(key), _encode(text))


def snapshot():
    """Asks leakd to look soon at all objects and at what keeps the growing ones alive."""
    _agent["snapshot"]()


def _on_collection(when, info):
    global _started_ns
    if when == "start":
        _started_ns = time.perf_counter_ns()
    elif _started_ns is not None:
        _agent["paused"](time.perf_counter_ns() - _started_ns)
        _started_ns = None


def time_collections(wanted=True):
    """Measures the pauses of the garbage collector from now on (or no more), some microseconds a
    collection. The interpreter counts its collections for leakd by itself; their time it does not."""
    if wanted and _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)
    elif not wanted and _on_collection in gc.callbacks:
        gc.callbacks.remove(_on_collection)


def _tell_labels_again():
    """A forked child is a process of its own to leakd."""
    for key, text in _labels.items():
        _agent["label"](_encode(key), _encode(text))


os.register_at_fork(after_in_child=_tell_labels_again)
