"""What is proved, in words, tables and theorems for people."""
