"""All lightmaps of a contest dataset into one archive: jobs, engines that run them, and the merge."""
