"""The encoder's half of the transform: temporal basis, rotations, regional rotations, forward lifting."""
