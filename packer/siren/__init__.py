"""The family `siren`: its configuration, and run folders into archives (FORMAT.md "siren")."""
