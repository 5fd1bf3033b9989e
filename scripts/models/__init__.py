"""Models that learn: how each is trained, scored and measured. A night that trains nothing imports none of it."""
