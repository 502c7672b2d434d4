// Nothing: its precompiled header serves the rooms and tests.
