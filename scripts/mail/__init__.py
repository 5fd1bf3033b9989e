"""Mails nobody waits for: campaigns, the mail itself, the unsubscribe link, the sending, once each."""
