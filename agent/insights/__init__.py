"""What the data of a project itself says: where its labels lie, which look wrong, which images are nearly the same.

Pure: images, labels and fingerprints as columns in, numbers and places of images out.
"""
