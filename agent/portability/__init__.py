"""What the original agent, SDK or web would do otherwise: facts → differences, each with its evidence. Pure."""
