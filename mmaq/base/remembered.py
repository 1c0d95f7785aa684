"""What was found out about the sources before, kept beside what Python compiled of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from mmaq.base.files import replacing

FILE = Path("__pycache__", "code_digests.json")


class Remembered:
    """Answers about the sources as they are when it is made.

    To follow the code of all stages takes seconds, and each start of Snakemake does. A file of
    answers that cannot be read or written costs that and is no fault.
    """

    def __init__(self, package: Path, suffixes: Sequence[str]) -> None:
        """Of the files below the folder ``package`` that have one of the suffixes."""
        self.package, self.suffixes = package, suffixes
        self.file, self.sources = package / FILE, self._state()
        self.answers = self._read()

    def answer(self, question: str, ask: Callable[[], str]) -> str:
        """What ``ask()`` was to a question about the same sources, or is now."""
        if question not in self.answers:
            self.answers[question] = ask()
            # Sources that were edited meanwhile are those of no state.
            if self._state() == self.sources:
                self._write()
        return self.answers[question]

    def _state(self) -> str:
        """A digest of all sources: 25 ms for two megabytes."""
        digest = hashlib.sha256()
        found = (path for path in self.package.rglob("*") if path.suffix in self.suffixes)
        for path in sorted(filter(Path.is_file, found)):  # an editor's lock is a link to nothing
            content = path.read_bytes()
            name = path.relative_to(self.package).as_posix()
            digest.update(f"{name} {len(content)} ".encode())
            digest.update(content)
        return digest.hexdigest()

    def _read(self) -> dict[str, str]:
        """Answers of the same sources; none where the file is another's or damaged."""
        try:
            whole = json.loads(self.file.read_text(encoding="utf-8"))
            return dict(whole["answers"]) if whole["sources"] == self.sources else {}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _write(self) -> None:
        whole = {"sources": self.sources, "answers": {**self._read(), **self.answers}}
        with contextlib.suppress(OSError), replacing(self.file) as temporary:
            temporary.write_text(json.dumps(whole), encoding="utf-8")
