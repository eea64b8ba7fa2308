"""From a picture of a page to its words: the engines, and the second look at what was hardly read."""
