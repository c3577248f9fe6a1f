"""One adapter a vendor: their errors and shapes end here."""
