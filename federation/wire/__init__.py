"""Generated messages <-> our types. Validation of peers' bytes happens here and nowhere else."""
