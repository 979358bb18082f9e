"""The rules of the markets by date: sessions and contracts. Pure: the list, the date and the price come in."""
