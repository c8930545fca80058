"""Parts of the metadata that need no database, or hardly one."""
