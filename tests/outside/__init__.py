"""What only somebody outside can see: our books, the provider's and the merchants' journal.

`manage.py verify` asks our database whether it contradicts itself. Here it is set against what the
provider says that it did, and what merchants wrote down that they were promised.
"""
