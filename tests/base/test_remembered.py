"""An answer holds as long as the sources are as they were, and no fault of its file counts."""

import pytest

from mmaq.base.remembered import FILE, Remembered


@pytest.fixture
def sources(tmp_path):
    """A package of two sources."""
    (tmp_path / "pkg/room").mkdir(parents=True)
    for name in ("a.py", "room/b.py"):
        (tmp_path / "pkg" / name).write_text("X = 1\n")
    return tmp_path / "pkg"


def ask(sources, question="of a", asked=None):
    """Whether a process that begins now asks anew."""
    seen = []

    def answer():
        seen.append(question)
        if asked:
            asked()
        return f"answer {question}"

    found = Remembered(sources, (".py",)).answer(question, answer)
    assert found == f"answer {question}"
    return bool(seen)


def test_each_question_is_answered_once(sources):
    assert [ask(sources, each) for each in ("one", "two", "one", "two")] == [True] * 2 + [False] * 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda sources: (sources / "room/b.py").write_text("X = 2\n"),  # of the same length
        lambda sources: (sources / "room/c.py").write_text(""),
        lambda sources: (sources / "a.py").unlink(),
        lambda sources: (sources / "a.py").rename(sources / "room/a.py"),
    ],
    ids=["changed", "added", "removed", "moved"],
)
def test_other_sources_are_asked_about_anew(sources, edit):
    ask(sources)
    edit(sources)
    assert ask(sources)
    assert not ask(sources)


def test_processes_side_by_side_keep_what_each_found(sources):
    two = [Remembered(sources, (".py",)) for _ in range(2)]
    for number, each in enumerate(two):
        each.answer(str(number), lambda: "found")
    third = Remembered(sources, (".py",))
    assert third.answers == {"0": "found", "1": "found"}


def test_what_no_answer_rests_on_changes_nothing(sources):
    ask(sources)
    (sources / "notes.md").write_text("Another")
    (sources / ".#a.py").symlink_to("somebody@somewhere.1")  # while an editor holds a.py
    assert not ask(sources)


def test_an_answer_about_sources_that_were_edited_meanwhile_is_not_kept(sources):
    before = (sources / "a.py").read_text()
    ask(sources, asked=lambda: (sources / "a.py").write_text("X = 3\n"))
    (sources / "a.py").write_text(before)
    assert ask(sources)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"sources": 1}', "null", "\xff"])
def test_a_damaged_file_is_made_anew(sources, text):
    ask(sources)
    (sources / FILE).write_bytes(text.encode("latin-1"))
    assert ask(sources)
    assert not ask(sources)


def test_where_nothing_can_be_written_each_asks(sources):
    (sources / FILE.parent).write_text("in the way")
    assert ask(sources)
    assert ask(sources)
    assert sorted(path.name for path in sources.iterdir()) == ["__pycache__", "a.py", "room"]
