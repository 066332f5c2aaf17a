"""What pages, letters and referrals read about the work in a case; each read is a fixed number of statements."""
