"""`todpack eval report`: one HTML page about one archive, and the day as a video beside the original."""
