from __future__ import annotations

from assay.words import count, on_one_line, span


def test_nouns_follow_their_number() -> None:
    assert [count(n, "file") for n in (0, 1, 2, 1000)] == [
        "0 files",
        "1 file",
        "2 files",
        "1,000 files",
    ]
    assert [count(n, "batch") for n in (1, 2)] == ["1 batch", "2 batches"]


def test_a_stretch_of_time_has_one_unit() -> None:
    told = [span(seconds) for seconds in (None, 0.04, 119, 120, 7200.0, 3 * 86400, -180)]
    assert told == ["", "0.0 s", "119.0 s", "2 min", "2 h", "3 d", "-3 min"]


def test_long_text_is_cut_to_one_line() -> None:
    assert on_one_line("two\nlines  of text") == "two lines of text"
    assert on_one_line("a" * 20, 10) == "a" * 9 + "…"
