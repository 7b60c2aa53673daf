"""What is asked of results: what a run would do, why, and the proof of every number."""
