"""Images of projects: search, annotations, statistics, thumbnails."""
