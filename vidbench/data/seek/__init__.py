"""Reading clips from the keyframe before them: an index that a scan has proven, and decoding through it."""
