"""What a results tree says: what is current, the scores, and the numbers of every run."""
