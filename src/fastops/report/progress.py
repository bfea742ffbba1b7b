# SPDX-License-Identifier: BSD-3-Clause
"""One line on a terminal that says what is done now."""

import shutil
import time
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Progress"]


class Progress:
    """Silent where the stream is not a terminal.

    It is drawn when something changes and not on a clock: a drawing thread would disturb what is being timed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._start = time.monotonic()
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def step(self, what: str) -> None:
        """Say what is done from now on."""
        self._draw(f"{time.monotonic() - self._start:3.0f} s  {what}")

    def _draw(self, text: str) -> None:
        if not self._shown:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        self._stream.write(f"\r{text.ljust(self._length)}{'' if text else chr(13)}")
        self._stream.flush()
        self._length = len(text)
