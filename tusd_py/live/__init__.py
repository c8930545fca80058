"""What happens, told to those who listen at this moment."""
