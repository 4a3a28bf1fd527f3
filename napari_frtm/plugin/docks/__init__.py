"""What people see; docks hold no state of the work."""
