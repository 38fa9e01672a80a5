"""What proves it afterwards: checkpoints, the dossier and its offline verifier. Pure."""
