"""Engines that no machine of the tests has, as stand-ins of their commands show them."""
