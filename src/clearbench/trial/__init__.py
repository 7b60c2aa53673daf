"""Trials in seconds of what somebody wrote: methods, metrics, a cell."""
