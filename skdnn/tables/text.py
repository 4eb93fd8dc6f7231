"""Numbers and dates that come as text, and would pass for categories in silence."""

from datetime import datetime
from numbers import Real

from skdnn.data.door import some_columns
from skdnn.data.kinds import is_text
from skdnn.messages import plain, warn_user

# Categories are often written in digits: months, ratings, the codes of a form. Where
# there are more levels than these have, numbers are the likelier meaning.
FEW_LEVELS = 20
MOST = 0.9  # of the levels: the others may be "?" or "unknown"
N_LEVELS = 1000  # of so many, spread over all, the meaning shows


def _is_number(level):
    if isinstance(level, str):
        return not is_text(level.replace(",", ".", 1))
    return isinstance(level, Real)


def _is_date(level):
    if not isinstance(level, str) or "-" not in level:
        return False
    try:
        datetime.fromisoformat(level)
    except ValueError:
        return False
    return True


READERS = {"numbers": _is_number, "dates": _is_date}


def meaning_of(levels):
    """Return what nearly all of many levels are: "numbers", "dates" or None.

    Digits behind a 0, as in the zip code "01067", are those of a code.
    """
    if len(levels) <= FEW_LEVELS:
        return None
    some = levels[:: max(len(levels) // N_LEVELS, 1)]
    texts = [level for level in some if isinstance(level, str)]
    if any(len(t) > 1 and t[0] == "0" and t.isdigit() for t in texts):
        return None
    for meaning, reads in READERS.items():
        if sum(map(reads, some)) >= MOST * len(some):
            return meaning
    return None


def warn_of_text(columns, left_out):
    """Warn of columns that hold numbers or dates as text; return their names.

    Parameters
    ----------
    columns : dict of {str: Column}
        Those that are categories as nothing says what they are.
    left_out : set of str
        The names of those from which nothing is learned.
    """
    alike = {}
    for name, column in columns.items():
        levels = column.levels()
        meaning = meaning_of(levels)
        if meaning is not None:
            reads = READERS[meaning]
            example = _example_of(levels, reads)
            held = f"{meaning} {'as' if reads(example) else 'and'} text"
            key = held, _cure_for(meaning, example), name in left_out
            alike.setdefault(key, {})[name] = example
    for (held, cure, is_left_out), examples in alike.items():
        fate = "taken as categories"
        if is_left_out:
            fate = "left out, as categories that are different in each row"
        names = list(examples)
        warn_user(
            f"{some_columns(names)} of X hold {held}, such as"
            f" {examples[names[0]]!r}, and are {fate}. Convert them, for example with"
            f" {cure}. If they are categories after all, name them in"
            " categorical_features, or give them pandas' dtype 'category'."
        )
    return {name for examples in alike.values() for name in examples}


def _example_of(levels, reads):
    """Return a text that can be read, or where numbers are none, what can't."""
    texts = [plain(level) for level in levels if isinstance(level, str)]
    return next((text for text in texts if reads(text)), texts[0])


def _cure_for(meaning, example):
    if meaning == "dates":
        return (
            "pandas.to_datetime(column), and put what matters of them into columns of"
            " numbers"
        )
    column = "column.str.replace(',', '.')" if "," in example else "column"
    return f"pandas.to_numeric({column}, errors='coerce')"
