"""The only room that opens media files: probing, decoding, and the guard around both."""
