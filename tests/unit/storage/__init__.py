"""The filesystem backend from within; what every backend promises is in tests/contract/test_storage.py."""
