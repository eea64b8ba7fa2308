"""What was done, by whom: the audit log; and a person's own data, to take along or to have deleted."""
