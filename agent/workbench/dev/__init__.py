"""The loop of an author: a short run of a plugin on a handful of images, again at each save."""
