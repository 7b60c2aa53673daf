"""Methods as MLLMU-Bench's code has them, where that changes what a method is.

A file says what the code does; nothing here is for use but beside numbers of that benchmark.
"""
