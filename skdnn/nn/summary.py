"""The layers of a network in a table: output shapes, and numbers of parameters."""


def table(network):
    """Return the head, and a row for the input and each layer.

    Returns
    -------
    rows : list of tuple of str
        In the shapes, m stands for the number of samples.
    """
    rows = [
        ("layer", "output shape", "parameters"),
        ("input", f"(m, {network.n_features})", "0"),
    ]
    for node, width in zip(network.nodes, network.widths[1:], strict=True):
        count = f"{node.count_parameters():,}"
        rows.append((repr(node.layer), f"(m, {width})", count))
    return rows


def summary(network):
    """Return the table as text, and below it how many parameters there are in all."""
    rows = table(network)
    columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{a:<{columns[0]}}  {b:<{columns[1]}}  {c:>{columns[2]}}" for a, b, c in rows
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:], rule, count_of(network)])


def count_of(network):
    """Return the number of parameters, their dtype, and how many networks."""
    of_each = f", in each of {network.n_networks} networks" if network.axes else ""
    return f"{network.n_parameters:,} parameters, {network.dtype}{of_each}"
