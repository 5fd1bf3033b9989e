"""The newsroom's hour: editions as pages, feeds and JSON."""
