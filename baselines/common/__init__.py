"""What several rivals share: library adapters, recipes, losses, patches, exact resizes."""
