"""Files that are copied into a submission in the contest's layout."""
