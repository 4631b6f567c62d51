"""One file per format or page. Writers of tables render the same table object and escape foreign text."""
