"""The family `gridmlp`: its configuration, and run folders into archives (FORMAT.md "gridmlp")."""
