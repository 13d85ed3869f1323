"""Where images come from: MNIST, verified; small digits that need no download; folders of pictures; the web."""
