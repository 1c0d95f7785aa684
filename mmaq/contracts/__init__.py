"""What passes between the rooms: one module a contract."""
