"""What all the pages of the operators' desk have in common; each room's ``admin.py`` uses it."""
