"""What builders save, turned into the canonical document: the only rooms of the core where outside text comes in.

Each dialect is an importer. It accounts for every key it meets, guesses nothing, and reports all it found at
once; nothing after it knows that dialects exist.
"""
