"""song_lists: reading lists of songs as people make them. Pure; loaded without the rest of the server."""
