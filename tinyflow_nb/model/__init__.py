"""What a chain is. Data only: nothing here runs, waits, reads a clock or knows a store."""
