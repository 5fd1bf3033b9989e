"""Search: how text becomes words, how documents are ranked, and the two forms of the index that do it alike."""
