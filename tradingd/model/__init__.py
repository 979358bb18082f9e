"""The words: what every room of the project speaks. Standard library only; no behaviour beyond the word itself."""
