"""What is done when nobody is waiting: jobs from the database, and rounds by the clock."""
