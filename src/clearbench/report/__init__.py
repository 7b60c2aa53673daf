"""The page that people look at: one file a panel, which gives plain data for the page's scripts.

No metric is computed here, and nothing but the results tree decides a byte: no clock, no machine,
no order of a set. What the browser runs lies in `page`.
"""
