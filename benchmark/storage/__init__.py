"""What is stored on disk: the cache, digests of files, temporary folders, file permissions."""
