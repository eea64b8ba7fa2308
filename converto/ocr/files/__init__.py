"""What an uploaded file holds: its type, its pages, their own text and what is attached; and the files that are given back."""
