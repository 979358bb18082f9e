"""What is done with stored data: backtests and their results."""
