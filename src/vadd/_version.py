"""The version of vadd, read by the build and carried in every result."""

__version__ = "0.2.0.dev0"
