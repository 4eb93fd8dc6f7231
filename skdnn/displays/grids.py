"""Images in a grid, with their captions: what several displays draw."""

from math import ceil, sqrt

import numpy as np

from skdnn.displays.common import HIGHLIGHT, WIDTH, check_positive, make_axes

GAP, LINE_HEIGHT = 0.16, 0.16  # of a grid, in widths of an image


def draw_grid(
    ax,
    images,
    captions,
    n_columns,
    marked=None,
    beside=0,
    line_height=LINE_HEIGHT,
    **style,
):
    """Draw images with their captions below, those marked with a thick frame.

    A new figure has room for so many inches beside the grid. Returns the axes, the
    images and the captions.
    """
    n_images, height, width = images.shape[:3]
    if n_columns is None:
        n_columns = ceil(sqrt(n_images))
    n_columns = min(check_positive("n_columns", n_columns), n_images)
    n_rows = ceil(n_images / n_columns)

    # The unit of length is the width of an image.
    image_height = height / width
    n_lines = captions[0].count("\n") + 1
    column_width, row_height = 1 + GAP, image_height + n_lines * line_height + GAP
    grid_width, grid_height = n_columns * column_width, n_rows * row_height
    drawn_width = min(WIDTH - beside, 1.15 * grid_width)
    ax, figure = make_axes(
        ax, drawn_width + beside, drawn_width * grid_height / grid_width
    )
    column_points = ax.get_position().width * 72 / n_columns * figure.get_figwidth()
    font_size = _font_size(captions, column_points, line_height)

    drawn, texts = [], []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = i % n_columns * column_width, i // n_columns * row_height
        extent = (left, left + 1, top + image_height, top)
        drawn.append(ax.imshow(image, extent=extent, **style))
        is_marked = marked is not None and marked[i]
        texts.append(_draw_frame(ax, extent, caption, is_marked, font_size))
    # At the end, as imshow sets the limits to those of an image.
    ax.set(
        xlim=(-GAP / 2, grid_width - GAP / 2), ylim=(grid_height - GAP / 2, -GAP / 2)
    )
    ax.set_axis_off()
    return ax, drawn, texts


def _draw_frame(ax, extent, caption, is_marked, font_size):
    """Draw the frame of an image and its caption; return the latter."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = extent
    frame = {"edgecolor": "0.5", "linewidth": 0.5}
    style = {"color": "black"}
    if is_marked:
        frame = {"edgecolor": HIGHLIGHT, "linewidth": 3}
        style = {"color": HIGHLIGHT, "fontweight": "bold"}
    ax.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, **frame)
    )
    place = {"ha": "center", "va": "top", "fontsize": font_size}
    return ax.text((left + right) / 2, bottom + 0.05, caption, **place, **style)


def _font_size(captions, column_points, line_height):
    """Return the size, in points, in which the captions stay within their columns."""
    n_characters = max(len(line) for text in captions for line in text.split("\n"))
    # A bold character is about 0.65 of the font size wide; a line needs 1.3 of it.
    limits = column_points / (0.65 * n_characters), column_points * line_height / 1.5
    return min(10, *limits)


def check_images(images):
    """Return images as an array, or raise an error if there are none."""
    images = np.asarray(images)
    if images.size == 0:
        raise ValueError(
            "images is empty: give at least one image, with at least one pixel."
        )
    return images


def scale_pixels(images):
    """Return the images with values between 0 and 1."""
    if images.dtype == np.uint8:
        return images / 255
    low, high = images.min(), images.max()
    if low >= 0 and high <= 1:
        return images
    return (images - low) / (high - low or 1)
