"""What was measured, kept such that a run that was stopped can go on."""

import json


class Records:
    """What was measured, a line of JSON each in a file, so that a run can go on.

    Parameters
    ----------
    path : Path
    names : sequence of str
        What tells one row from another.
    """

    def __init__(self, path, names):
        self.path, self.names = path, names
        lines = path.read_text().splitlines() if path.exists() else []
        rows = map(json.loads, lines)
        self.rows = {tuple(row[name] for name in names): row for row in rows}

    def row(self, key, measure):
        """Return the row of a key, if need be after measuring it.

        Parameters
        ----------
        key : tuple
            A value for each of the names.
        measure : callable
            Returns what else there is in a row, as a dictionary.

        Returns
        -------
        row : dict
        """
        if key not in self.rows:
            row = dict(zip(self.names, key, strict=True)) | measure()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self.rows[key] = row
            shown = (
                f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()
            )
            print(*shown, flush=True)
        return self.rows[key]
