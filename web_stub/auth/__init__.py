"""Access: tokens and sessions, the middleware that checks them, and the limit on guesses."""
