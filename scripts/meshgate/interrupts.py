"""How a command ends when it is interrupted: within a second, with all it has started.

`KeyboardInterrupt` alone does not end a run. Python drops it where it falls into a destructor or a
callback; native modules panic over it while they are imported; it waits for native code, for a name
to be looked up, and for a lock that the main thread was about to take when the signal came; on its
way out it waits for threads, whose programs nobody has told. So a thread watches for signals
(`install`): it ends the programs, gives the main thread a moment to put its files away, and then
ends the process, whatever the main thread does.

Programs are found in /proc. Elsewhere they get the terminal's Ctrl-C, but not a SIGTERM that only
this process gets.
"""

import _thread
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
LINE = "meshgate: interrupted; it is safe to run it again\n"
STANDARD_ERROR = 2
# Of the terminal's Ctrl-C, of a supervisor, of a terminal that closes.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Seconds that the main thread has to end in order, and that ended programs have to go.
GRACE = 0.4
# Seconds between two looks at whether they have.
PAUSE = 0.01
# Seconds that one thread computes before another may, while the process ends.
SWITCH = 0.00005


class _Run:
    """What is known of the process; every attribute is only ever set once."""

    def __init__(self) -> None:
        self.interrupted = False
        self.raised = False
        # The main thread has nothing left to put away.
        self.over = False
        self.aside = ""
        # Standard error, also once `_silence` has taken its place; the null device.
        self.errors = STANDARD_ERROR
        self.nowhere = -1
        # Whoever holds it ends the process; it is never released.
        self.last_word = _thread.allocate_lock()


_run = _Run()


def install() -> None:
    """Watch for interrupts from here on; call it once, first, in the main thread of a command.

    A signal that the parent ignores (`nohup`, `command &`) stays ignored. Temporary files of this
    process and of all it starts go into one folder, which ends with it. Raises KeyboardInterrupt in
    the main thread once a signal comes.
    """
    _run.nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):  # it was closed
        _run.errors = os.dup(STANDARD_ERROR)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _thread.start_new_thread(_watch, (reading, _thread.get_ident()))
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    _put_temporary_files_aside()


def check() -> None:
    """Raise KeyboardInterrupt where the process is ending: for results that cannot be trusted."""
    if _run.interrupted:
        raise KeyboardInterrupt


def is_interrupted() -> bool:
    """Whether the process is ending."""
    return _run.interrupted


def caused(error: BaseException) -> bool:
    """Whether an error is an interrupt, whatever native code has made of it."""
    return _run.interrupted or isinstance(error, KeyboardInterrupt)


def end(code: int) -> NoReturn:
    """End the process with this exit code, or as an interrupted one if it was.

    Nothing of Python's own way out is gone: it would walk through every object once more, and
    an interrupt that falls into it would be reported as an error.
    """
    _run.over = True
    while _run.interrupted:  # the other thread ends the process
        time.sleep(PAUSE)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    _exit(code, LINE if code == INTERRUPTED else "")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Python's side of a signal, in the main thread: leave what it does, once."""
    _run.interrupted = True
    _silence()
    if not _run.raised and not _run.over:
        _run.raised = True
        raise KeyboardInterrupt


def _watch(signals: int, main_thread: int) -> None:
    """Wait for the first signal, then end everything in GRACE, and the process last.

    Python's C code writes a byte into the pipe when a signal comes, in whatever thread. Nothing may
    be imported from here on, not even a codec: an interrupt that falls into the first lines of an
    import leaves Python's lock of imports taken for ever.
    """
    number = os.read(signals, 1)[0]
    _run.interrupted = True
    # Threads that compute would keep this one waiting, 5 ms after each file that it looks at.
    sys.setswitchinterval(SWITCH)
    try:
        _silence()
        until = time.monotonic() + GRACE
        while not _run.over and time.monotonic() < until:
            _signal_programs(signal.SIGTERM)
            if not _run.raised:
                # It may sleep in a lock that it was about to take when the signal came.
                signal.pthread_kill(main_thread, number)
            time.sleep(PAUSE)
        while _signal_programs(signal.SIGTERM) and time.monotonic() < until:
            time.sleep(PAUSE)
        while _signal_programs(signal.SIGKILL) and time.monotonic() < until + GRACE:
            time.sleep(PAUSE)
    finally:
        _exit(INTERRUPTED, LINE)


def _exit(code: int, line: str = "") -> NoReturn:
    """End the process here and now; where two threads want to, the first one does."""
    _run.last_word.acquire()
    _remove_temporary_files()
    with contextlib.suppress(OSError):
        os.write(_run.errors, line.encode())
    os._exit(code)


def _silence() -> None:
    """Keep from people what only the interrupt has caused.

    Python tells of errors in threads and destructors, and native modules of those in imports.
    """
    os.dup2(_run.nowhere, STANDARD_ERROR)


def _signal_programs(number: signal.Signals) -> bool:
    """Send a signal to all programs that this process has started, and to theirs; False: none."""
    programs = list(_descendants(os.getpid()))
    for program in programs:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(program, number)
    return bool(programs)


def _descendants(process: int) -> Iterator[int]:
    """The ids of the running processes below a process, parents first."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (thread / "children").read_bytes().split()):
                if _runs(child):
                    yield child
                    yield from _descendants(child)


def _runs(process: int) -> bool:
    """Whether a process has not ended; one that has stays listed until its parent asks for it."""
    try:
        state = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False
    # The state follows the program's name, which may hold anything: proc_pid_stat(5).
    return state.rpartition(b") ")[2][:1] not in {b"Z", b"X"}


def _put_temporary_files_aside() -> None:
    """Make a folder for the temporary files of this process, where there is a place for it."""
    name = f"{os.environ.get('TMPDIR') or '/tmp'}/meshgate-{os.urandom(8).hex()}"  # noqa: S108 - see tempfile.gettempdir
    _run.aside = name
    try:
        Path(name).mkdir(mode=0o700)
    except OSError:
        _run.aside = ""  # what needs one looks for another place, or says that there is none
    else:
        os.environ["TMPDIR"] = name


def _remove_temporary_files() -> None:
    for folder, folders, files in os.walk(_run.aside, topdown=False) if _run.aside else ():
        for name in files + folders:
            with contextlib.suppress(OSError):
                Path(folder, name).unlink()
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
