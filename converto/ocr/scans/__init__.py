"""What is kept of a scan from its upload on: the row, the job, batches, corrections, search and export."""
