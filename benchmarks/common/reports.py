"""Tables: how they are written, and read again."""

import numpy as np

from common.arguments import RESULTS_DIR
from common.machine import describe_machine


def format_table(rows):
    """Return dictionaries with the same keys as a Markdown table, aligned to read."""
    lines = [list(rows[0])] + [list(map(str, row.values())) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    # Names to the left, numbers to the right.
    return "\n".join(
        f"| {line[0]:<{widths[0]}} | "
        + " | ".join(map(str.rjust, line[1:], widths[1:]))
        + " |"
        for line in lines
    )


def read_cells(text):
    """Return the cells of each row of the tables in a text, headers included."""
    lines = (line for line in text.splitlines() if line.startswith("|"))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in rows if not set("".join(row)) <= set("-:")]


def read_table(text):
    """Return the rows of the only table in a text, each as a dictionary."""
    rows = read_cells(text)
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def report(path, title, rows, notes, machine=None):
    """Print a table, and write it to a file with title, notes and machine, or this."""
    machine = machine or describe_machine()
    table = format_table(rows)
    print(f"\n{table}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {title}\n\n{table}\n\n{notes}\n\n{machine}\n")
    print(f"Written to {path}")
    _show_in_readme(path.resolve(), table)


def _show_in_readme(path, table):
    """Replace the table of this file in README.md, if there is one."""
    readme = RESULTS_DIR.parent / "README.md"
    if path.is_relative_to(RESULTS_DIR) and readme.exists():
        mark = f"<!-- {path.relative_to(readme.parent)} -->\n"
        head, found, tail = readme.read_text().partition(mark)
        if found:
            rest = tail.partition("\n\n")[2]
            readme.write_text(f"{head}{mark}{table}\n\n{rest}")


def spread_of(errors):
    """Return the standard deviation over the seeds, the last axis."""
    return np.std(errors, axis=-1, ddof=min(1, np.shape(errors)[-1] - 1))


def with_spread(errors):
    """Return mean and, of several seeds, standard deviation in percent."""
    spread = f" ± {spread_of(errors):.2f}" if len(errors) > 1 else ""
    return f"{np.mean(errors):.2f}{spread} %"
