"""From candidates to verdicts: where a candidate belongs, the proofs it needs, on one process or many."""
