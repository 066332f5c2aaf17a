"""A second reading of the ladders: slow, plain and written from the specification alone, to hold the engine against."""
