"""How properties are searched: time is no measure of them, on a busy machine least of all."""

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
