"""Label maps of images of any size, in a stated amount of memory."""
