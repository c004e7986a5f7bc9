"""Theorems: enclosures in, frozen statements with exact witnesses out, and the verdicts made of them."""
