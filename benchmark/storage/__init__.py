"""What is kept on disk: cache, digests of files, temporary folders, rights."""
